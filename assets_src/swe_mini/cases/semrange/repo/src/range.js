'use strict';

const { compare, format } = require('./version');

// ---------------------------------------------------------------- reading

const TERM = /(\^|~|<=|>=|<|>|=)?\s*v?([0-9x*][^\s]*)/gi;
const PARTIAL = /^(\d+|[x*])(?:\.(\d+|[x*]))?(?:\.(\d+|[x*])(?:-([0-9a-z.-]+))?(?:\+[0-9a-z.-]+)?)?$/i;

/** A list of alternatives; each is a list of limits {op, version} that must all hold. */
function parseRange(text) {
  return text.split('||').map((part) => {
    const left = part.replace(TERM, '').trim();
    if (left) throw new RangeError(`not a version range: ${JSON.stringify(left)}`);
    return [...part.matchAll(TERM)].flatMap(([, op = '', version]) => expand(op, version));
  });
}

/** The limits that one term stands for: ^1.2.3 is >=1.2.3 and <2.0.0. */
function expand(op, text) {
  const { core, pre, given } = parsePartial(text);
  const version = { core, pre };
  if (given === 0) return []; // any version
  switch (op) {
    case '^':
      return [{ op: '>=', version }, { op: '<', version: next(core, 0) }];
    case '~':
      return [{ op: '>=', version }, { op: '<', version: next(core, Math.min(given - 1, 1)) }];
    case '':
    case '=':
      if (given === 3) return [{ op: '=', version }];
      return [{ op: '>=', version }, { op: '<', version: next(core, given - 1) }];
    default:
      return [{ op, version }];
  }
}

/** 1.2 is {core: [1, 2, 0], pre: [], given: 2}; what follows an x or a * counts as not given. */
function parsePartial(text) {
  const found = PARTIAL.exec(text);
  if (!found) throw new RangeError(`not a version: ${JSON.stringify(text)}`);
  const parts = found.slice(1, 4);
  const wild = parts.findIndex((part) => part === undefined || /[x*]/i.test(part));
  const given = wild < 0 ? 3 : wild;
  const core = parts.map((part, i) => (i < given ? Number(part) : 0));
  return { core, pre: found[4] && given === 3 ? found[4].split('.') : [], given };
}

/** The version with one more at position i and zeros after it. */
function next(core, i) {
  return { core: core.map((n, k) => (k < i ? n : k === i ? n + 1 : 0)), pre: [] };
}

// ---------------------------------------------------------------- using

const TESTS = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
  '=': (order) => order === 0,
};

function matches(range, version) {
  return range.some((limits) => limits.every((limit) => TESTS[limit.op](compare(version, limit.version))));
}

/** The range in words for the web page: "≥1.2.0 <2.0.0 or =3.0.0". */
function describe(range) {
  const signs = { '<=': '≤', '>=': '≥' };
  const words = range.map((limits) =>
    limits.map((limit) => (signs[limit.op] ?? limit.op) + format(limit.version)).join(' ') || 'any');
  return words.join(' or ');
}

module.exports = { parseRange, matches, describe };
