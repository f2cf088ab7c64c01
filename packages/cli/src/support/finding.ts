/** The result of one check. */
export interface Finding {
  readonly what: string;
  /** `problem`: a function does not work because of it. `note`: it is worth knowing. */
  readonly judgement: 'good' | 'note' | 'problem';
  readonly found: string;
  /** The advice; undefined if there is none. */
  readonly remedy?: string;
}

/** Returns a failed check. The remedy is that of its code, unless another one is given. */
export function problemOf(what: string, code: string, message: string, remedy = REMEDIES[code]): Finding {
  return {
    what,
    judgement: 'problem',
    found: `${message} (${code})`,
    ...(remedy !== undefined && { remedy }),
  };
}

const REMEDIES: Readonly<Record<string, string>> = {
  SharedMemoryNotAvailable:
    'Where the addon is missing, build it on Linux ("npx entropynet-build-addon"); otherwise list a ws:// address in "fallback".',
  SharedMemoryPermission: 'Give both sides a directory of the same user that nobody else may write to (--directory).',
  ResourceLimitExceeded:
    'Raise the limit in the message above, with ulimit or in the settings of the service or container.',
  AddressInUse: 'Choose another port.',
};
