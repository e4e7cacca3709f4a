import { CsvError } from './errors.js';
import { CsvParser } from './parser.js';

/** All rows of a source, one by one: an iterable of pieces, such as a stream of a file. */
export async function* rows(source, options) {
  const parser = new CsvParser(options);
  for await (const piece of source) yield* parser.write(piece.toString());
  yield* parser.end();
}

/** The same as objects; the first row has the names. Empty lines are left out. */
export async function* records(source, options) {
  let names = null;
  let number = 0;
  for await (const row of rows(source, options)) {
    number += 1;
    if (row.length === 1 && row[0] === '') continue;
    if (names === null) {
      names = row;
    } else if (row.length !== names.length) {
      throw new CsvError(`${row.length} fields, but ${names.length} names`, number);
    } else {
      yield Object.fromEntries(names.map((name, i) => [name, row[i]]));
    }
  }
}
