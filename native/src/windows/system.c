/* Clocks, random bytes, the word for sleeping and this process, on Windows. */
#include <limits.h>
#include <stdio.h>

#include "win32.h"
/* after windows.h */
#include <bcrypt.h>

void en_widen(const char *text, wchar_t wide[EN_WIDE]) {
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, EN_WIDE) == 0) wide[0] = L'\0';
}

void en_close_handle(HANDLE handle) {
  if (handle && handle != INVALID_HANDLE_VALUE) (void)CloseHandle(handle);
}

/* ---- clocks ---- */

int64_t en_now_us(void) {
  LARGE_INTEGER count, frequency;
  (void)QueryPerformanceCounter(&count);
  (void)QueryPerformanceFrequency(&frequency);
  return count.QuadPart / frequency.QuadPart * 1000000 +
         count.QuadPart % frequency.QuadPart * 1000000 / frequency.QuadPart;
}

int64_t en_now_ms(void) { return en_now_us() / 1000; }

int64_t en_coarse_ms(void) {
  ULONGLONG time; /* in units of 100 ns; it stands still while the machine sleeps */
  (void)QueryUnbiasedInterruptTime(&time);
  return (int64_t)(time / 10000);
}

uint64_t en_epoch_ms(void) {
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  uint64_t since_1601 = (uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime;
  return since_1601 / 10000 - 11644473600000u;
}

int64_t en_deadline(int timeout_ms) { return timeout_ms < 0 ? -1 : en_now_ms() + timeout_ms; }

int en_left_ms(int64_t deadline) {
  if (deadline < 0) return -1;
  int64_t left = deadline - en_now_ms();
  return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void en_pause_ms(int ms) { Sleep((DWORD)ms); }

bool en_random(void *bytes, size_t length) {
  return BCryptGenRandom(NULL, bytes, (ULONG)length, BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0;
}

uint32_t en_process(void) { return (uint32_t)GetCurrentProcessId(); }

uint64_t en_start_time(void) {
  FILETIME made, ended, kernel, user;
  if (!GetProcessTimes(GetCurrentProcess(), &made, &ended, &kernel, &user)) return 0;
  return (uint64_t)made.dwHighDateTime << 32 | made.dwLowDateTime;
}

/* ---- the word for sleeping ---- */

/* Windows finds waiters at an address in its own process only, so an auto-reset event stands for the word. It
 * exists while a side sleeps. The peer may change the identity in the region at any moment: then a wake is
 * lost, and the sleeper looks again after its time. */
static void name_event(const uint8_t *region, const _Atomic uint32_t *word, wchar_t name[EN_WIDE]) {
  size_t at = (size_t)swprintf(name, EN_WIDE, L"Global\\entropynet-");
  for (int i = 0; i < 16; i++) at += (size_t)swprintf(name + at, EN_WIDE - at, L"%02x", region[16 + i]);
  (void)swprintf(name + at, EN_WIDE - at, L"-%x", (unsigned)((const uint8_t *)word - region));
}

void en_word_wait(const uint8_t *region, _Atomic uint32_t *word, uint32_t value, int ms) {
  wchar_t name[EN_WIDE];
  name_event(region, word, name);
  SECURITY_ATTRIBUTES *rights = en_rights_make(EN_FOR_OBJECT);
  HANDLE event = rights ? CreateEventW(rights, FALSE, FALSE, name) : NULL;
  en_rights_free(rights);
  if (!event) {
    Sleep(1); /* no system event: look again soon */
    return;
  }
  /* A peer that did not find the event stored its value before this load. */
  if (atomic_load(word) == value) (void)WaitForSingleObject(event, (DWORD)ms);
  (void)CloseHandle(event);
}

void en_word_wake(const uint8_t *region, _Atomic uint32_t *word) {
  wchar_t name[EN_WIDE];
  name_event(region, word, name);
  atomic_thread_fence(memory_order_seq_cst); /* the store of the word comes before the search */
  HANDLE event = OpenEventW(EVENT_MODIFY_STATE, FALSE, name);
  if (!event) return;
  (void)SetEvent(event);
  (void)CloseHandle(event);
}

/* ---- descriptors of a peer ---- */

static _Atomic unsigned waiting;

/* Runs on a thread of the system's pool. */
static DWORD WINAPI close_one(void *handle) {
  (void)CloseHandle(handle);
  (void)atomic_fetch_sub(&waiting, 1);
  return 0;
}

/* The close may come after the program has unloaded this library, so the library stays loaded. */
void en_close_elsewhere(en_handle descriptor) {
  HMODULE module;
  (void)GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                           (LPCWSTR)(void *)&close_one, &module);
  (void)atomic_fetch_add(&waiting, 1);
  if (!QueueUserWorkItem(close_one, en_to_system(descriptor), WT_EXECUTELONGFUNCTION))
    (void)close_one(en_to_system(descriptor));
}

unsigned en_waiting_to_close(void) { return atomic_load(&waiting); }
