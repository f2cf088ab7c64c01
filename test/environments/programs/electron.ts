import './number-timers.js';

/*
 * Loaded before the program: the properties of an Electron process, and the timers of its preload scripts, which are
 * numbers.
 */
Object.defineProperty(process.versions, 'electron', { value: '40.0.0', enumerable: true });
Object.defineProperty(process, 'type', { value: 'renderer', enumerable: true });
