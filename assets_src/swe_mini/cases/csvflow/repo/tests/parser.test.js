import assert from 'node:assert/strict';
import test from 'node:test';

import { CsvError, CsvParser, records } from '../src/index.js';

const parse = (text, options) => {
  const parser = new CsvParser(options);
  return [...parser.write(text), ...parser.end()];
};

test('fields and rows', () => {
  assert.deepEqual(parse('a,b\n1,\n,2'), [['a', 'b'], ['1', ''], ['', '2']]);
  assert.deepEqual(parse('a;b', { delimiter: ';' }), [['a', 'b']]);
});

test('line ends', () => {
  for (const end of ['\n', '\r\n', '\r']) assert.deepEqual(parse(`a${end}b${end}`), [['a'], ['b']]);
});

test('quotes', () => {
  assert.deepEqual(parse('"a,b","c\nd","say ""ja"""\n'), [['a,b', 'c\nd', 'say "ja"']]);
  assert.throws(() => parse('a\nb"c'), (error) => error instanceof CsvError && error.line === 2);
});

test('a row may come in pieces', () => {
  const parser = new CsvParser();
  assert.deepEqual(parser.write('a,"b'), []);
  assert.deepEqual(parser.write(' c"\nd'), [['a', 'b c']]);
  assert.deepEqual(parser.end(), [['d']]);
});

test('records have the names of the first row', async () => {
  const found = [];
  for await (const record of records(['town,country\n', '\nMalmö,Sverige\n'])) found.push(record);
  assert.deepEqual(found, [{ town: 'Malmö', country: 'Sverige' }]);
});
