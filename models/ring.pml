/*
 * One direction of a region: publishing, going to sleep, waking, running full, saying goodbye, dying.
 *
 * The producer is RingWriter with the sending half of a connection above it, the consumer is RingReader with
 * SharedMemoryLink and ReceiveLoop. Steps carry the names of the SYNC POINT labels in the code. The ring has room for
 * CAPACITY frames; FRAMES are sent. The producer may be killed between any two steps.
 *
 * What must hold in every interleaving: each frame that was published is delivered once, whole and in order; a goodbye is
 * never taken for a death nor a death for a goodbye; nobody sleeps for ever while the other waits for it. The last one
 * shows as an invalid end state. No sleep has a time limit here, so that nothing rests on the limits in the code, save
 * that a blocked thread looks for the peer's hang-up now and then: a futex tells of none.
 *
 * Each of these definitions takes one piece of the protocol away; the checker must then find a fault:
 *   PLAIN_TAIL, PLAIN_SLEEP, PLAIN_HEAD, PLAIN_WAITS  that store may stay in the processor's store buffer
 *   NO_SLEEP_RECHECK     the consumer sleeps without looking at the ring again after its declaration
 *   NO_ROOM_RECHECK      the producer waits for room without looking at the head again after its declaration
 *   NO_ROOM_REDECLARATION  a thread blocks for room without declaring its need again
 *   LOOK_BEFORE_PUBLISH  the producer looks for a sleeper before it publishes
 *   TAIL_BEFORE_FRAME    the tail is published before the frame is written
 *   NO_LAST_PASS         no pass after the doorbell's socket was emptied
 *   WAKE_BEFORE_WORD     who makes room wakes the futex before it changes the word
 *   CLOSE_BEFORE_MARK    the goodbye's mark is left after the socket was closed
 *   END_BEFORE_DRAIN     the end is reported as soon as it is seen
 */
#define CAPACITY 2
#define FRAMES 4

#define AWAKE 0
#define ON_DOORBELL 1
#define ON_FUTEX 2

/* The words of the region. Positions count frames. */
byte tail, head, closed;
byte consumerSleep, producerSleep;
bool waits;
byte slots[CAPACITY];

/* A store that is still in its processor's buffer; only the stores that a control makes plain pass through here. */
bool tailPending, sleepPending, headPending, waitsPending;
byte tailBuffered, sleepBuffered, headBuffered;

/* What the operating system keeps. A bell is readable bytes in a socket. */
bool consumerBell, producerBell, hungUp;
bool consumerBlocked, producerBlocked;

/* For the properties only. */
byte published, delivered;
bool saidGoodbye, producerEnded;

#ifdef PLAIN_TAIL
#define STORE_TAIL(value) atomic { if :: tailPending -> tail = tailBuffered :: else fi; tailBuffered = value; tailPending = true }
#else
#define STORE_TAIL(value) tail = value
#endif
#ifdef PLAIN_SLEEP
#define DECLARE_SLEEP(value) atomic { sleepBuffered = value; sleepPending = true }
#else
#define DECLARE_SLEEP(value) consumerSleep = value
#endif
#ifdef PLAIN_HEAD
#define STORE_HEAD(value) atomic { if :: headPending -> head = headBuffered :: else fi; headBuffered = value; headPending = true }
#else
#define STORE_HEAD(value) head = value
#endif
#ifdef PLAIN_WAITS
#define DECLARE_WAITS waitsPending = true
#else
#define DECLARE_WAITS waits = true
#endif

/* A later locked operation, or going to sleep, empties the buffer of its processor. */
#define FLUSH_PRODUCER atomic { if :: tailPending -> tail = tailBuffered; tailPending = false :: else fi; if :: waitsPending -> waits = true; waitsPending = false :: else fi }
#define FLUSH_CONSUMER atomic { if :: sleepPending -> consumerSleep = sleepBuffered; sleepPending = false :: else fi; if :: headPending -> head = headBuffered; headPending = false :: else fi }

#define MAY_DIE if :: goto dead :: skip fi

/* The memory: buffered stores arrive at any time. */
active proctype memory() {
end:
  do
  :: atomic { tailPending -> tail = tailBuffered; tailPending = false }
  :: atomic { sleepPending -> consumerSleep = sleepBuffered; sleepPending = false }
  :: atomic { headPending -> head = headBuffered; headPending = false }
  :: atomic { waitsPending -> waits = true; waitsPending = false }
  od
}

active proctype producer() {
  byte own, seen, declaration, sequence;
  bool isBlocked;

write:
  if
  :: sequence == FRAMES -> goto goodbye
  :: else
  fi;
  MAY_DIE;
  /* RingRoom.find */
  seen = head;
  if
  :: own - seen < CAPACITY -> goto publish
  :: else
  fi;
  isBlocked = true;
  DECLARE_WAITS; /* SYNC POINT(room) */
#ifndef NO_ROOM_RECHECK
  seen = head;
  if
  :: own - seen < CAPACITY -> isBlocked = false; FLUSH_PRODUCER; waits = false; goto publish
  :: else
  fi;
#endif
  MAY_DIE;

  /* Refused. Waits for room in the event loop, or blocks its thread on the futex. */
refused:
  if
  :: goto inEventLoop
  :: goto onFutex
  fi;

inEventLoop:
  FLUSH_PRODUCER;
  producerBell;
  producerBell = false;
  goto checkUnblocked;

onFutex:
  /* SharedMemoryLink.waitForWork */
  FLUSH_PRODUCER;
  producerSleep = ON_FUTEX; /* SYNC POINT(sleep) */
#ifndef NO_ROOM_REDECLARATION
  /* Again: a report that came before this side slept has turned the declaration back and rung the doorbell. */
  DECLARE_WAITS; /* SYNC POINT(room) */
  FLUSH_PRODUCER;
#endif
  seen = head;
  if
  :: own - seen <= CAPACITY / 2 -> goto roused
  :: else
  fi;
  atomic {
    if
    :: producerSleep == ON_FUTEX -> producerBlocked = true
    :: else
    fi
  };
  !producerBlocked;
roused:
  producerSleep = AWAKE;

checkUnblocked:
  MAY_DIE;
  seen = head;
  if
  :: own - seen <= CAPACITY / 2 -> goto unblocked
  :: else
  fi;
  DECLARE_WAITS; /* SYNC POINT(room) */
#ifndef NO_ROOM_RECHECK
  seen = head;
  if
  :: own - seen <= CAPACITY / 2 -> goto unblocked
  :: else
  fi;
#endif
  goto refused;
unblocked:
  isBlocked = false;
  FLUSH_PRODUCER;
  waits = false;
  goto write;

publish:
  MAY_DIE;
#ifdef LOOK_BEFORE_PUBLISH
  declaration = consumerSleep;
#endif
#ifdef TAIL_BEFORE_FRAME
  own = own + 1;
  atomic { STORE_TAIL(own); published = published + 1 };
  slots[sequence % CAPACITY] = sequence;
#else
  slots[sequence % CAPACITY] = sequence;
  MAY_DIE;
  own = own + 1;
  atomic { STORE_TAIL(own); published = published + 1 }; /* SYNC POINT(ring-tail) */
#endif
  sequence = sequence + 1;
  MAY_DIE;
#ifndef LOOK_BEFORE_PUBLISH
  declaration = consumerSleep; /* SYNC POINT(sleep) */
#endif
  if
  :: declaration == AWAKE -> goto write
  :: else
  fi;
  FLUSH_PRODUCER;
  atomic {
    if
    :: consumerSleep == declaration -> consumerSleep = AWAKE
    :: else -> goto write
    fi
  };
  MAY_DIE;
  if
  :: declaration == ON_FUTEX -> consumerBlocked = false
  :: else -> consumerBell = true
  fi;
  goto write;

goodbye:
  /* At once, or after an idle time in which everything has to arrive by itself. */
  if
  :: true
  :: true -> delivered == published
  fi;
  FLUSH_PRODUCER;
#ifdef CLOSE_BEFORE_MARK
  atomic { saidGoodbye = true; hungUp = true; consumerBell = true };
  closed = true;
#else
  atomic { saidGoodbye = true; closed = true };
  MAY_DIE;
  atomic { hungUp = true; consumerBell = true };
#endif
  goto ended;

dead:
  /* The operating system closes the socket; what was stored reaches memory. */
  FLUSH_PRODUCER;
  atomic { hungUp = true; consumerBell = true };
ended:
  producerEnded = true
}

active proctype consumer() {
  byte own, seen, unread;
  bool hasPeerGone, found;

  /* One pass of ReceiveLoop over this connection: RingReader.drain, then RingReader.#publishHead. */
pass:
  found = false;
  seen = tail; /* SYNC POINT(ring-tail) */
#ifdef END_BEFORE_DRAIN
  if
  :: hasPeerGone -> goto theEnd
  :: else
  fi;
#endif
  if
  :: seen == own -> goto nothing
  :: else
  fi;
  found = true;
  do
  :: own == seen -> break
  :: else ->
    assert(seen - own <= CAPACITY);
    assert(slots[own % CAPACITY] == own);
    delivered = delivered + 1;
    own = own + 1
  od;
  STORE_HEAD(own); /* SYNC POINT(room) */
  if
  :: !waits -> goto pass
  :: else
  fi;
  unread = tail - own;
  if
  :: unread > CAPACITY / 2 -> goto pass
  :: else
  fi;
  FLUSH_CONSUMER;
  atomic {
    if
    :: waits -> waits = false
    :: else -> goto pass
    fi
  };
  /* SharedMemoryLink.#tellRoom */
#ifdef WAKE_BEFORE_WORD
  if
  :: producerSleep == ON_FUTEX -> producerBlocked = false; producerSleep = AWAKE
  :: else -> producerBell = true
  fi;
#else
  if
  :: atomic { producerSleep == ON_FUTEX -> producerSleep = AWAKE }; producerBlocked = false
  :: atomic { producerSleep != ON_FUTEX -> producerBell = true }
  fi;
#endif
  goto pass;

nothing:
  if
  :: hasPeerGone -> goto lastLook
  :: else
  fi;
  /* Goes to sleep, in the event loop or, where its thread may block, on the futex. */
  if
  :: goto inEventLoop
  :: goto onFutex
  fi;

inEventLoop:
  DECLARE_SLEEP(ON_DOORBELL); /* SYNC POINT(sleep) */
#ifndef NO_SLEEP_RECHECK
  seen = tail;
  if
  :: seen != own -> FLUSH_CONSUMER; consumerSleep = AWAKE; goto pass
  :: else
  fi;
#endif
emptied:
  consumerBell;
  FLUSH_CONSUMER;
  /* SharedMemoryLink.#onDoorbell: a pass first. It is written out where it may find nothing and sleep again. */
  consumerSleep = AWAKE;
  seen = tail;
  if
  :: seen != own -> goto emptySocket
  :: else
  fi;
  DECLARE_SLEEP(ON_DOORBELL); /* SYNC POINT(sleep) */
  seen = tail;
  if
  :: seen != own -> FLUSH_CONSUMER; consumerSleep = AWAKE
  :: else
  fi;
emptySocket:
  /* Everything that is in the socket, and whether the peer has hung up. */
  atomic {
    consumerBell = false;
    if
    :: hungUp -> hasPeerGone = true
    :: else
    fi
  };
#ifdef NO_LAST_PASS
  if
  :: seen == own && !hasPeerGone -> goto emptied
  :: else
  fi;
#endif
  FLUSH_CONSUMER;
  consumerSleep = AWAKE;
  goto pass;

onFutex:
  DECLARE_SLEEP(ON_FUTEX); /* SYNC POINT(sleep) */
#ifndef NO_SLEEP_RECHECK
  seen = tail;
  if
  :: seen != own -> goto awake
  :: else
  fi;
#endif
  FLUSH_CONSUMER;
  atomic {
    if
    :: consumerSleep == ON_FUTEX -> consumerBlocked = true
    :: else
    fi
  };
  /* Woken, or it looks whether the peer has hung up. */
  if
  :: !consumerBlocked
  :: hungUp -> consumerBlocked = false
  fi;
awake:
  FLUSH_CONSUMER;
  consumerSleep = AWAKE;
  atomic {
    consumerBell = false;
    if
    :: hungUp -> hasPeerGone = true
    :: else
    fi
  };
  goto pass;

lastLook:
  /* Everything was delivered before the hang-up was seen; nothing can come after it. */
  seen = tail;
  if
  :: seen != own -> goto pass
  :: else
  fi;
theEnd:
  assert((closed == 1) == saidGoodbye);
  assert(delivered == published)
}
