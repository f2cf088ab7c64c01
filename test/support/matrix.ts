/** Whether this run tests every combination, as `.ci/full` does. Otherwise it tests a part that has each value. */
export const IS_WHOLE_MATRIX = process.env['ENTROPYNET_MATRIX'] === 'whole';
