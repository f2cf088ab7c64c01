#include "search.h"

#include <string.h>

#include "error.h"

/* Notes a server unless it was found before. */
static void note(en_search *s, uint32_t slot, const uint8_t nonce[16]) {
  const uint64_t bit = UINT64_C(1) << slot;
  if ((s->found & bit) && memcmp(s->nonces[slot], nonce, 16) == 0) return;
  memcpy(s->nonces[slot], nonce, 16);
  s->found |= bit;
  s->untried |= bit;
}

en_status en_search_look(en_search *s) {
  uint8_t nonce[16];
  en_place place;
  en_kept_error kept;
  en_status status = en_link_look(&s->first, nonce, &s->is_shared);
  if (!status) note(s, 0, nonce);
  if (!status && !s->is_shared) return EN_OK;
  s->is_shared = true;
  en_keep_error(&kept);
  for (uint32_t slot = 1; slot < EN_SLOTS; slot++) {
    bool is_shared;
    if (en_place_slot(&s->first, slot, &place) && !en_link_look(&place, nonce, &is_shared))
      note(s, slot, nonce);
  }
  en_restore_error(&kept);
  return s->untried ? EN_OK : status;
}

/* Returns one of the slots, of which there is at least one. */
static uint32_t pick(uint64_t slots) {
  uint32_t count = 0, skipped = 0, slot = 0;
  for (uint64_t left = slots; left; left &= left - 1) count++;
  (void)en_random(&skipped, sizeof skipped); /* without it the first one is as right as each other */
  for (skipped %= count; skipped > 0; skipped--) slots &= slots - 1;
  while (!(slots >> slot & 1)) slot++;
  return slot;
}

bool en_search_next(en_search *s, en_place *place) {
  if (!s->untried) {
    en_kept_error kept;
    en_keep_error(&kept);
    (void)en_search_look(s);
    en_restore_error(&kept);
  }
  if (!s->untried) {
    s->untried = s->again;
    s->again = 0;
  }
  if (!s->untried) return false;
  s->slot = pick(s->untried);
  s->untried &= ~(UINT64_C(1) << s->slot);
  if (s->slot == 0)
    *place = s->first;
  else
    (void)en_place_slot(&s->first, s->slot, place); /* connecting fails if its files have gone */
  return true;
}
