'use strict';

const { parseVersion, compare } = require('./version');
const { parseRange, matches, describe } = require('./range');

/** Whether the version fits the range. A text that is no version fits none. */
function satisfies(version, range) {
  const parsed = parseVersion(version);
  return parsed !== null && matches(parseRange(range), parsed);
}

/** The highest of the versions that fits the range, or null. */
function best(versions, range) {
  const fitting = versions.filter((version) => satisfies(version, range));
  fitting.sort((a, b) => compare(parseVersion(a), parseVersion(b)));
  return fitting.pop() ?? null;
}

module.exports = { satisfies, best, describe: (range) => describe(parseRange(range)), compare, parseVersion };
