'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');

const { satisfies, best, describe } = require('../src');

const VERSIONS = ['1.0.0', '1.2.3', '1.2.9', '1.3.0', '2.0.0', '3.1.4'];
const fitting = (range) => VERSIONS.filter((version) => satisfies(version, range));

test('one version', () => {
  assert.deepEqual(fitting('1.2.3'), ['1.2.3']);
  assert.deepEqual(fitting('=v2.0.0'), ['2.0.0']);
});

test('parts that are left open', () => {
  for (const range of ['1.2', '1.2.x', '1.2.*', '~1.2']) assert.deepEqual(fitting(range), ['1.2.3', '1.2.9'], range);
  for (const range of ['', '*', 'x', '^*']) assert.deepEqual(fitting(range), VERSIONS, range);
});

test('caret, tilde and limits', () => {
  assert.deepEqual(fitting('^1.2.3'), ['1.2.3', '1.2.9', '1.3.0']);
  assert.deepEqual(fitting('~1.2.4'), ['1.2.9']);
  assert.deepEqual(fitting('>1.2.3 <=2.0.0'), ['1.2.9', '1.3.0', '2.0.0']);
});

test('alternatives', () => {
  assert.deepEqual(fitting('1.0 || >= 3'), ['1.0.0', '3.1.4']);
  assert.equal(describe('~1.2.3 || 3 || *'), '≥1.2.3 <1.3.0 or ≥3.0.0 <4.0.0 or any');
});

test('the best one', () => {
  assert.equal(best(['1.9.0', '1.10.0', '2.0.0', 'soon'], '^1'), '1.10.0');
  assert.equal(best(['1.0.0'], '2'), null);
});

test('nonsense', () => {
  assert.throws(() => satisfies('1.0.0', 'latest'), /not a version range: "latest"/);
  assert.throws(() => satisfies('1.0.0', '1.0.0.0'), /not a version: "1.0.0.0"/);
});
