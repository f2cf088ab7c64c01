import { register } from 'node:module';
import { armSteps } from './steps.js';

// Loaded with `--import` before a test's program: what is loaded afterwards stops at its labels when told to.
armSteps();
register('./steps-hooks.js', import.meta.url);
