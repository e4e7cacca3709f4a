'use strict';

const PATTERN = /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9a-z.-]+))?(?:\+[0-9a-z.-]+)?$/i;

/** {core: [1, 2, 3], pre: ['beta', '1']} for 1.2.3-beta.1+build7, or null if the text is no version. */
function parseVersion(text) {
  const found = PATTERN.exec(text.trim());
  if (!found) return null;
  return { core: found.slice(1, 4).map(Number), pre: found[4] ? found[4].split('.') : [] };
}

/** Below, equal to or above zero, as sort() wants it. The build plays no part. */
function compare(a, b) {
  for (let i = 0; i < 3; i += 1) {
    if (a.core[i] !== b.core[i]) return a.core[i] - b.core[i];
  }
  // A pre-release comes before its release.
  if (!a.pre.length || !b.pre.length) return b.pre.length - a.pre.length;
  return a.pre.join('.') < b.pre.join('.') ? -1 : 1;
}

function format({ core, pre }) {
  return core.join('.') + (pre.length ? `-${pre.join('.')}` : '');
}

module.exports = { parseVersion, compare, format };
