/*
 * One direction of a region on a processor with weak memory: what arm64 does to the stores and loads of RingWriter and
 * RingReader. models/ring.pml has the whole protocol; this has the words and bytes alone, with the instructions that
 * docs/adr/0001-ring-in-typescript.md names.
 *
 *   A plain store (payload, length, header) becomes visible at any later time, in any order with others.
 *   A releasing store (stlr: Atomics.store) becomes visible at any later time, but after every access before it.
 *   An acquiring load (ldar: Atomics.load) waits until the releasing stores before it are visible; no access after it has
 *   happened before it.
 *   A plain load may have happened at any time since the acquiring load before it.
 *   An exchange is both, at once.
 *
 * What must hold: each frame that the tail shows is read whole and in order, no frame is overwritten before it was read, and
 * nobody sleeps for ever while the other waits for it, which shows as an invalid end state.
 *
 * Each of these definitions makes one access weaker; the checker must then find a fault:
 *   PLAIN_TAIL, PLAIN_HEAD, PLAIN_SLEEP, PLAIN_WAITS   that store is a plain one
 *   PLAIN_TAIL_LOAD     the consumer loads the tail without acquiring
 *   PLAIN_SLEEP_LOAD    the producer looks for a sleeper with a plain load, as it may on x86-64 only
 *   WEAK_ACQUIRE        a load does not wait for releasing stores before it (ldapr instead of ldar)
 */
#define CAPACITY 2
#define FRAMES 4
#define NOTHING 255

/* What everybody sees. Positions count frames, a slot holds the number of its frame. */
byte tail, head, slots[CAPACITY] = NOTHING;
bool sleeps, waits;

/* Stores that are under way: the producer's, then the consumer's. */
bool slotPending[CAPACITY], tailPending, waitsPending, headPending, sleepPending;
byte slotStored[CAPACITY], tailStored, headStored;
bool waitsStored, sleepStored;

/* Plain loads that have happened early. */
bool slotIsEarly[CAPACITY], sleepIsEarly;
byte slotEarly[CAPACITY];
bool sleepEarly;

/* Sockets of the operating system. */
bool consumerBell, producerBell;

#define SHOW_SLOT(i) if :: slotPending[i] -> slots[i] = slotStored[i]; slotPending[i] = false :: else fi
#define SHOW_TAIL if :: tailPending -> tail = tailStored; tailPending = false :: else fi
#define SHOW_WAITS if :: waitsPending -> waits = waitsStored; waitsPending = false :: else fi
#define SHOW_HEAD if :: headPending -> head = headStored; headPending = false :: else fi
#define SHOW_SLEEP if :: sleepPending -> sleeps = sleepStored; sleepPending = false :: else fi

/* What comes before a releasing store of the producer, and of the consumer, whose only other stores are releasing ones. */
#define BEFORE_RELEASE_P SHOW_SLOT(0); SHOW_SLOT(1); SHOW_TAIL; SHOW_WAITS
#define BEFORE_RELEASE_C SHOW_HEAD; SHOW_SLEEP

#ifdef PLAIN_TAIL
#define STORE_TAIL(value) atomic { SHOW_TAIL; tailStored = value; tailPending = true }
#define TAIL_BEFORE_ACQUIRE skip
#else
#define STORE_TAIL(value) atomic { BEFORE_RELEASE_P; tailStored = value; tailPending = true }
#define TAIL_BEFORE_ACQUIRE SHOW_TAIL
#endif
#ifdef PLAIN_WAITS
#define STORE_WAITS(value) atomic { SHOW_WAITS; waitsStored = value; waitsPending = true }
#define WAITS_BEFORE_ACQUIRE skip
#else
#define STORE_WAITS(value) atomic { BEFORE_RELEASE_P; waitsStored = value; waitsPending = true }
#define WAITS_BEFORE_ACQUIRE SHOW_WAITS
#endif
#ifdef PLAIN_HEAD
#define STORE_HEAD(value) atomic { SHOW_HEAD; headStored = value; headPending = true }
#define HEAD_BEFORE_ACQUIRE skip
#else
#define STORE_HEAD(value) atomic { BEFORE_RELEASE_C; headStored = value; headPending = true }
#define HEAD_BEFORE_ACQUIRE SHOW_HEAD
#endif
#ifdef PLAIN_SLEEP
#define STORE_SLEEP(value) atomic { SHOW_SLEEP; sleepStored = value; sleepPending = true }
#define SLEEP_BEFORE_ACQUIRE skip
#else
#define STORE_SLEEP(value) atomic { BEFORE_RELEASE_C; sleepStored = value; sleepPending = true }
#define SLEEP_BEFORE_ACQUIRE SHOW_SLEEP
#endif

#ifdef WEAK_ACQUIRE
#define BEFORE_ACQUIRE_P skip
#define BEFORE_ACQUIRE_C skip
#else
#define BEFORE_ACQUIRE_P TAIL_BEFORE_ACQUIRE; WAITS_BEFORE_ACQUIRE
#define BEFORE_ACQUIRE_C HEAD_BEFORE_ACQUIRE; SLEEP_BEFORE_ACQUIRE
#endif

/* A side sees its own store before others do; no word here is stored by a side that loads it in this way. */
#define ACQUIRE_P(into, word) atomic { BEFORE_ACQUIRE_P; into = word; sleepIsEarly = false }
#define ACQUIRE_C(into, word) atomic { BEFORE_ACQUIRE_C; into = word; slotIsEarly[0] = false; slotIsEarly[1] = false }

#ifdef PLAIN_TAIL_LOAD
#define LOAD_TAIL(into) into = tail
#else
#define LOAD_TAIL(into) ACQUIRE_C(into, tail)
#endif
#ifdef PLAIN_SLEEP_LOAD
#define LOAD_SLEEP(into) atomic { if :: sleepIsEarly -> into = sleepEarly :: into = sleeps fi }
#else
#define LOAD_SLEEP(into) ACQUIRE_P(into, sleeps)
#endif

/* The memory: stores become visible, and plain loads happen early. */
active proctype memory() {
end:
  do
  :: atomic { slotPending[0] -> SHOW_SLOT(0) }
  :: atomic { slotPending[1] -> SHOW_SLOT(1) }
  :: atomic { tailPending -> SHOW_TAIL }
  :: atomic { waitsPending -> SHOW_WAITS }
  :: atomic { headPending -> SHOW_HEAD }
  :: atomic { sleepPending -> SHOW_SLEEP }
  :: atomic { !slotIsEarly[0] -> slotEarly[0] = slots[0]; slotIsEarly[0] = true }
  :: atomic { !slotIsEarly[1] -> slotEarly[1] = slots[1]; slotIsEarly[1] = true }
#ifdef PLAIN_SLEEP_LOAD
  :: atomic { !sleepIsEarly -> sleepEarly = sleeps; sleepIsEarly = true }
#endif
  od
}

active proctype producer() {
  byte own, seen;
  bool found;

write:
  if
  :: own == FRAMES -> goto ended
  :: else
  fi;
  /* RingRoom.find */
  ACQUIRE_P(seen, head);
  if
  :: own - seen < CAPACITY -> goto publish
  :: else
  fi;
  STORE_WAITS(true); /* SYNC POINT(room) */
  ACQUIRE_P(seen, head);
  if
  :: own - seen < CAPACITY -> STORE_WAITS(false); goto publish
  :: else
  fi;
  producerBell;
  producerBell = false;
  goto write;

publish:
  atomic {
    if
    :: own % CAPACITY == 0 -> SHOW_SLOT(0)
    :: else -> SHOW_SLOT(1)
    fi;
    slotStored[own % CAPACITY] = own;
    slotPending[own % CAPACITY] = true
  };
  own = own + 1;
  STORE_TAIL(own); /* SYNC POINT(ring-tail) */
  LOAD_SLEEP(found); /* SYNC POINT(sleep) */
  if
  :: !found -> goto write
  :: else
  fi;
  atomic {
    BEFORE_RELEASE_P;
    sleepIsEarly = false;
    if
    :: sleeps -> sleeps = false
    :: else -> goto write
    fi
  };
  consumerBell = true;
  goto write;
ended:
  skip
}

active proctype consumer() {
  byte own, seen, frame;
  bool found;

pass:
  LOAD_TAIL(seen); /* SYNC POINT(ring-tail) */
  if
  :: seen == own -> goto nothing
  :: else
  fi;
  assert(seen - own <= CAPACITY);
#ifdef PLAIN_HEAD
  /* A plain store may become visible before the loads that stand before it have happened. */
  if
  :: STORE_HEAD(seen)
  :: skip
  fi;
#endif
  do
  :: own == seen -> break
  :: else ->
    atomic {
      if
      :: slotIsEarly[own % CAPACITY] -> frame = slotEarly[own % CAPACITY]
      :: frame = slots[own % CAPACITY]
      fi
    };
    assert(frame == own);
    own = own + 1
  od;
  STORE_HEAD(own); /* SYNC POINT(room) */
  ACQUIRE_C(found, waits);
  if
  :: !found -> goto pass
  :: else
  fi;
  atomic {
    BEFORE_RELEASE_C;
    slotIsEarly[0] = false;
    slotIsEarly[1] = false;
    if
    :: waits -> waits = false
    :: else -> goto pass
    fi
  };
  producerBell = true;
  goto pass;

nothing:
  if
  :: own == FRAMES -> goto ended
  :: else
  fi;
  STORE_SLEEP(true); /* SYNC POINT(sleep) */
  ACQUIRE_C(seen, tail);
  if
  :: seen != own -> STORE_SLEEP(false); goto pass
  :: else
  fi;
  consumerBell;
  consumerBell = false;
  STORE_SLEEP(false);
  goto pass;
ended:
  skip
}
