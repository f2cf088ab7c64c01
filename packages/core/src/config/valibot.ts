/**
 * The parts of valibot that the schemas of this package use. The build puts them into this module: the whole of valibot
 * would take more than half a megabyte of every process's memory.
 */
export type * from 'valibot';
export {
  array,
  boolean,
  check,
  custom,
  forward,
  metadata,
  minLength,
  number,
  optional,
  picklist,
  pipe,
  record,
  strictObject,
  string,
  unknown,
} from 'valibot';
