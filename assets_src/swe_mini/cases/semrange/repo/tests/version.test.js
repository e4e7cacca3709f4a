'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');

const { compare, parseVersion } = require('../src');

const order = (a, b) => Math.sign(compare(parseVersion(a), parseVersion(b)));

test('numbers are compared as numbers', () => {
  assert.equal(order('1.9.0', '1.10.0'), -1);
  assert.equal(order('2.0.0', '1.99.99'), 1);
  assert.equal(order('1.2.3+build5', '1.2.3'), 0);
});

test('a pre-release comes before its release', () => {
  assert.equal(order('1.0.0-rc.1', '1.0.0'), -1);
  assert.equal(order('1.0.0-alpha', '1.0.0-beta'), -1);
});

test('what is no version', () => {
  for (const text of ['', '1.2', 'x.y.z', '1.2.3.4']) assert.equal(parseVersion(text), null, text);
});
