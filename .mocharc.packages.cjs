// The tests of packed packages. Mocha ignores `extends` in a configuration.
module.exports = { ...require('./.mocharc.json'), parallel: false, spec: ['test/dist/**/*.packed.js'] };
