#!/usr/bin/env node
// csvflow FILE: the records of the file, one line of JSON for each.
import { createReadStream } from 'node:fs';
import { records } from '../src/index.js';

try {
  for await (const record of records(createReadStream(process.argv[2]))) console.log(JSON.stringify(record));
} catch (error) {
  console.error(`csvflow: ${error.message}`);
  process.exitCode = 1;
}
