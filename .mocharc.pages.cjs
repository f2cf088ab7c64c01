// The tests of pages in Chromium. Mocha ignores `extends` in a configuration.
module.exports = { ...require('./.mocharc.json'), parallel: false, spec: ['test/dist/**/*.chromium.js'] };
