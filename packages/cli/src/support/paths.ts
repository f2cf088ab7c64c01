import { existsSync, statSync, type Stats } from 'node:fs';
import { access, constants, mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { shortageOf } from '@entropynet/core';
import { CommandFailure, ExitCode } from './command-failure.js';

/** The reasons of the system for refusing a path, in plain words. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user is not allowed to use it; check its owner and mode',
  EEXIST: 'another file has that name',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'it is too long',
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of it is a file and not a folder',
  EPERM: 'this user is not allowed to use it, or a sandbox forbids it',
  EROFS: 'the file system is read-only',
  ERR_FS_FILE_TOO_LARGE: 'it is longer than 2 GiB',
};

/** Returns the reason of a failure at a path, with its code: in plain words if the system's own text is short. */
export function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const reason = REASONS[code];
  return shortageOf(error) ?? (reason === undefined ? message : `${reason} (${code})`);
}

/** Checks the name of a directory of servers, which need not exist. */
export function checkDirectoryName(directory: string | undefined): void {
  if (directory === '') throw usage('--directory was given nothing; the path of a folder is allowed');
}

/** Checks a directory of servers that the user named and that must exist. */
export function checkDirectory(directory: string | undefined): void {
  checkDirectoryName(directory);
  if (directory === undefined) return;
  let status: Stats | undefined;
  try {
    status = statSync(directory, { throwIfNoEntry: false });
  } catch (error) {
    throw usage(`the directory ${directory} can't be read: ${reasonOf(error)}`);
  }
  if (status === undefined) throw usage(`the directory ${directory} does not exist`);
  if (!status.isDirectory()) throw usage(`${directory} is not a folder`);
}

/** Makes a folder if it does not exist, and checks that this process can put files into it. */
export async function prepareFolder(folder: string): Promise<void> {
  if (folder === '') throw usage('<folder> was given nothing; the path of a folder is allowed');
  try {
    await makeFolder(resolve(folder));
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw usage(`the folder ${folder} can't be used: ${reasonOf(error)}`);
  }
}

/**
 * Makes a folder. It does not use the recursive form of Node.js, which never ends if no folder can be made, as below
 * `/proc`.
 */
async function makeFolder(folder: string): Promise<void> {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(folder);
  if (!existsSync(parent)) await makeFolder(parent);
  try {
    await mkdir(folder);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
    // The parent exists, but its file system accepts no folders, like that of `/proc`.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error(`no folder can be created in ${parent} (ENOENT)`, { cause: error });
    throw error;
  }
}

function usage(sentence: string): CommandFailure {
  return new CommandFailure(sentence, ExitCode.Usage);
}
