/*
 * Closing a channel: two sides that each own an id on which they send, over a link that keeps the order of frames in each
 * direction. Each side opens a channel, sends on it, closes it, and opens the next one under the same id.
 *
 * The sides are packages/core/src/channels: ChannelLifecycle, ChannelReceiver and ChannelTable. A frame carries the number
 * of the channel that its sender means, which the real frame does not: the receiver only checks it. So an assertion fails
 * when a frame of an old channel meets a new one under the same id.
 *
 * What must hold in every interleaving, also where both sides open and close at once:
 *   - data and window of one channel are never counted for another;
 *   - a side gets no frame that breaks the protocol from a side that keeps it;
 *   - both sides come to the end: nobody waits for ever.
 *
 * Each of these definitions takes one piece of the protocol away; the checker must then find a fault:
 *   NO_ACKNOWLEDGEMENT     an id is free as soon as both sides have closed
 *   CREDIT_AFTER_CLOSED    window is given back after the close was acknowledged
 *   NO_ANSWER              a side that is told of a close does not close its own id
 *   EARLY_REOPEN           a name is announced again before its old channel is over
 */
mtype = { open, data, credit, close, closed };

#define ROUNDS 2
#define CAPACITY 6

/* Frames on their way to side 0 and to side 1: type, and the number of the channel that is meant. */
chan wire[2] = [CAPACITY] of { mtype, byte };

/* The outgoing half of each side: which channel it is, and how far it is. */
byte round[2];
bool isOpen[2], hasClosed[2], isAcknowledged[2], isDone[2];
/* The incoming half: whether the peer has announced it, and has said that nothing more comes. */
bool peerOpen[2], peerClosed[2];
/* Whether its program closes channels: one side's does at least. */
bool closes[2];
/* Data that arrived and whose window was not given back, and data whose window is out. */
byte owed[2], spent[2];
/* How much was sent on the channel: programs stop sending some time. */
byte sent[2];

#define other (1 - me)
#define ROOM (nfull(wire[other]))

/* The channel is over for a side: the next one may begin. */
inline finish() {
  if
#ifdef NO_ACKNOWLEDGEMENT
  :: isOpen[me] && hasClosed[me] && peerClosed[me] ->
#else
  :: isOpen[me] && hasClosed[me] && isAcknowledged[me] && peerClosed[me] ->
#endif
     isOpen[me] = false; hasClosed[me] = false; isAcknowledged[me] = false;
     peerOpen[me] = false; peerClosed[me] = false; owed[me] = 0; spent[me] = 0; sent[me] = 0;
     round[me]++;
     isDone[me] = (round[me] == ROUNDS)
  :: else
  fi
}

proctype side(byte me) {
  byte number;
  do
  /* The program opens the channel, or the next one of that name. */
  :: atomic { !isDone[me] && !isOpen[me] && ROOM -> isOpen[me] = true; wire[other]!open, round[me] }
#ifdef EARLY_REOPEN
  :: atomic { isOpen[me] && hasClosed[me] && !peerOpen[me] && round[me] + 1 < ROUNDS && ROOM ->
       round[me]++; hasClosed[me] = false; isAcknowledged[me] = false; wire[other]!open, round[me] }
#endif
  :: atomic { isOpen[me] && !hasClosed[me] && spent[me] < 1 && sent[me] < 2 && ROOM ->
       spent[me]++; sent[me]++; wire[other]!data, round[me] }
  /* The program closes it. */
  :: atomic { closes[me] && isOpen[me] && !hasClosed[me] && ROOM ->
       hasClosed[me] = true; wire[other]!close, round[me]; finish() }
  /* What arrived was read: the window goes back, unless the peer has closed its id. */
#ifdef CREDIT_AFTER_CLOSED
  :: atomic { owed[me] > 0 && ROOM -> owed[me]--; wire[other]!credit, round[me] }
#else
  :: atomic { owed[me] > 0 && !peerClosed[me] && ROOM -> owed[me]--; wire[other]!credit, round[me] }
#endif
  /* A frame arrives. Answers need room first, as they wait in a queue of their own otherwise. */
  :: atomic { nempty(wire[me]) && len(wire[other]) + 2 <= CAPACITY ->
       if
       :: wire[me]?open, number ->
          assert(!peerOpen[me]);
          assert(number == round[me]);
          peerOpen[me] = true;
          if
          :: !isOpen[me] -> isOpen[me] = true; wire[other]!open, round[me]
          :: else
          fi
       :: wire[me]?data, number ->
          assert(peerOpen[me] && !peerClosed[me]);
          assert(number == round[me]);
          owed[me]++
       :: wire[me]?credit, number ->
          assert(isOpen[me] && number == round[me]);
          assert(spent[me] > 0);
          spent[me]--
       :: wire[me]?close, number ->
          assert(peerOpen[me] && !peerClosed[me]);
          assert(number == round[me]);
          peerClosed[me] = true;
#ifndef NO_ACKNOWLEDGEMENT
          wire[other]!closed, round[me];
#endif
#ifndef NO_ANSWER
          if
          :: !hasClosed[me] -> hasClosed[me] = true; wire[other]!close, round[me]
          :: else
          fi;
#endif
          finish()
       :: wire[me]?closed, number ->
          assert(hasClosed[me] && !isAcknowledged[me] && number == round[me]);
          isAcknowledged[me] = true;
          finish()
       fi
     }
  /* Both channels are over, and nothing is on its way. */
  :: atomic { isDone[me] && empty(wire[me]) && isDone[other] && empty(wire[other]) -> break }
  od
}

init {
  atomic {
    if
    :: closes[0] = true
    :: closes[1] = true
    :: closes[0] = true; closes[1] = true
    fi;
    run side(0);
    run side(1)
  }
}
