/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  /** `problem`: something does not work with it; `note`: worth knowing. */
  readonly judgement: 'good' | 'note' | 'problem';
  readonly found: string;
  /** What to do; undefined where there is nothing to be done. */
  readonly remedy?: string;
}

/** What failed, with the remedy for its code unless another one is given. */
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
