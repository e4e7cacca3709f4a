export { CsvError } from './errors.js';
export { CsvParser } from './parser.js';
export { records, rows } from './records.js';
