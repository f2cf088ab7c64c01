/*
 * The handshake: one client and a server of shared memory, from the request to two ends that know of each other.
 *
 * The client is requestRegionAt (discovery/handshake-with-server.ts), the server is PendingHandshake
 * (discovery/pending-handshake.ts) with SharedMemoryServer around it. Either may be killed between any two steps; the
 * client may give up, the server may refuse, reach its time limit, or be closed, at any moment.
 *
 * What must hold when nothing moves any more, in every interleaving:
 *   - who lives holds nothing of a connection that it does not have: no region, no socket, no pending handshake;
 *   - the server has a connection only if the client has mapped the region, or has died since;
 *   - a client that is connected to a living server without a connection finds a goodbye, not a death;
 *   - an end whose other end is gone finds its socket hung up.
 * Somebody who waits for ever shows as an invalid end state.
 *
 * Each of these definitions takes one piece of the protocol away; the checker must then find a fault:
 *   NO_TIME_LIMIT          the server waits for a silent client for ever
 *   NO_ACKNOWLEDGEMENT     the server takes the client for connected once it has answered
 *   NO_MARK                a handshake that the server gives up leaves no goodbye in the region
 *   NO_UNMAP               a handshake that the server gives up keeps its region
 *   NO_CLOSE               a client that gives up keeps its socket
 *   MARK_AFTER_CLOSE       the goodbye of a handshake that is given up comes after the socket was closed
 */
mtype = { request, reply, refusal, acknowledgement };

/* The two directions of the socket; a side that has hung up is read to the end first. */
chan toServer = [2] of { mtype };
chan toClient = [2] of { mtype };
bool isAccepted, clientHungUp, serverHungUp;

/* The region, as long as anybody maps it. */
bool serverMark;

/* What each side holds. */
bool serverMapped, serverPending, serverConnected, serverDead;
bool clientMapped, clientSocket, clientConnected, clientDead, clientDone, clientSawGoodbye, clientSawDeath;
bool isSilent;

#define CLIENT_MAY_DIE if :: goto dead :: true fi
#define SERVER_MAY_DIE if :: goto dead :: true fi

active proctype client() {
  clientSocket = true;
  isAccepted = true;
  CLIENT_MAY_DIE;
  /* A stranger that connects and says nothing. */
  if
  :: isSilent = true; goto silent
  :: true
  fi;
  toServer!request;
  CLIENT_MAY_DIE;
  do
  :: toClient?reply -> break
  :: toClient?refusal -> goto givesUp
  :: (serverHungUp && empty(toClient)) -> goto givesUp
  /* The signal, or the limit of connect(). */
  :: goto givesUp
  od;
  CLIENT_MAY_DIE;
  clientMapped = true;
  /* In the same turn of the event loop as the mapping: nothing gives up in between, but death may come. */
  CLIENT_MAY_DIE;
  if
  :: serverHungUp
  :: else -> toServer!acknowledgement
  fi;
  clientConnected = true;
  CLIENT_MAY_DIE;
  /* Idle, until the end of the server's side is seen. */
end_connected:
  serverHungUp && empty(toClient);
  if
  :: serverMark -> clientSawGoodbye = true
  :: else -> clientSawDeath = true
  fi;
  clientConnected = false;
  clientMapped = false;
  goto leaves;

silent:
  CLIENT_MAY_DIE;
end_silent:
  serverHungUp;
  goto leaves;

givesUp:
#ifdef NO_CLOSE
  clientDone = true;
  goto over;
#endif
leaves:
  clientSocket = false;
  clientHungUp = true;
  goto over;

dead:
  atomic {
    clientDead = true;
    clientMapped = false;
    clientSocket = false;
    clientConnected = false;
    clientHungUp = true
  };
over:
  clientDone = true
}

active proctype server() {
end_listening:
  isAccepted;
  serverPending = true;
  SERVER_MAY_DIE;
  do
  :: toServer?request -> break
  :: (clientHungUp && empty(toServer)) -> goto cancel
#ifndef NO_TIME_LIMIT
  /* The time limit, or close(). */
  :: goto cancel
#endif
  od;
  SERVER_MAY_DIE;
  if
  :: toClient!refusal; goto cancel
  :: true
  fi;
  serverMapped = true;
  SERVER_MAY_DIE;
  if
  :: clientHungUp -> goto cancel
  :: else -> toClient!reply
  fi;
#ifndef NO_ACKNOWLEDGEMENT
  SERVER_MAY_DIE;
  do
  :: toServer?acknowledgement -> break
  :: (clientHungUp && empty(toServer)) -> goto cancel
#ifndef NO_TIME_LIMIT
  :: goto cancel
#endif
  od;
#endif
  atomic {
    serverPending = false;
    serverConnected = true;
    assert(clientMapped || clientHungUp)
  };
  SERVER_MAY_DIE;
  /* Idle, until the end of the client's side is seen. */
end_connected:
  clientHungUp;
  serverConnected = false;
  serverMapped = false;
  serverHungUp = true;
  goto over;

cancel:
#ifdef MARK_AFTER_CLOSE
  serverHungUp = true;
  serverMark = true;
#else
#ifndef NO_MARK
  serverMark = true;
#endif
  serverHungUp = true;
#endif
#ifndef NO_UNMAP
  serverMapped = false;
#endif
  serverPending = false;
  goto over;

dead:
  atomic {
    serverDead = true;
    serverMapped = false;
    serverPending = false;
    serverConnected = false;
    serverHungUp = true
  };
over:
  skip
}

/* Looks when neither of the two can move any more. */
active proctype judge() {
end_waiting:
  timeout;
  assert(serverDead || serverMapped == serverConnected);
  assert(serverDead || !serverPending);
  assert(clientDead || clientMapped == clientConnected);
  assert(clientDead || clientSocket == clientConnected);
  assert(!clientSawDeath || serverDead);
  assert(!clientSawGoodbye || !serverDead);
  assert(!(clientConnected && serverHungUp));
  assert(!(serverConnected && clientHungUp));
  assert(!clientConnected || serverConnected)
}
