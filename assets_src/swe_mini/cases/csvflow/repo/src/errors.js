/** A text that is not CSV. `line` is the line of the input, counted from 1, where the trouble begins. */
export class CsvError extends Error {
  constructor(message, line) {
    super(`line ${line}: ${message}`);
    this.name = 'CsvError';
    this.line = line;
  }
}
