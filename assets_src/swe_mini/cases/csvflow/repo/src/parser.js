import { CsvError } from './errors.js';

/** Text in, rows out. Give it the text in pieces with write(), and end() when there is no more. */
export class CsvParser {
  #delimiter;
  #field = '';
  #row = [];
  #quoted = false; // inside of quotes
  #line = 1;

  constructor({ delimiter = ',' } = {}) {
    this.#delimiter = delimiter;
  }

  /** The rows that are complete with this piece, each an array of strings. */
  write(piece) {
    const done = [];
    for (let i = 0; i < piece.length; i += 1) {
      const char = piece[i];
      if (char === '\n') this.#line += 1;
      if (this.#quoted) {
        if (char !== '"') {
          this.#field += char;
        } else if (piece[i + 1] === '"') {
          this.#field += '"'; // a doubled quote stands for one
          i += 1;
        } else {
          this.#quoted = false;
        }
      } else if (char === '"') {
        if (this.#field) throw new CsvError('a quote in the middle of a field', this.#line);
        this.#quoted = true;
      } else if (char === this.#delimiter) {
        this.#endField();
      } else if (char === '\n' || char === '\r') {
        if (char === '\r' && piece[i + 1] === '\n') {
          this.#line += 1;
          i += 1;
        }
        done.push(this.#endRow());
      } else {
        this.#field += char;
      }
    }
    return done;
  }

  /** The last row, if the text did not end with a line end. */
  end() {
    return this.#field || this.#row.length ? [this.#endRow()] : [];
  }

  // -------------------------------------------------------------- inside

  #endField() {
    this.#row.push(this.#field);
    this.#field = '';
  }

  #endRow() {
    this.#endField();
    const row = this.#row;
    this.#row = [];
    return row;
  }
}
