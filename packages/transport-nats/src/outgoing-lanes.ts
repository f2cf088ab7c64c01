import { decodeGrants } from './lane-messages.js';
import type { LinkParts } from './link-parts.js';
import { Lane, laneSubject } from './nats-protocol.js';
import { OutgoingLane, type OutgoingLaneHost } from './outgoing-lane.js';

/** The sending halves of both lanes. */
export type OutgoingLanes = readonly [prompt: OutgoingLane, bulk: OutgoingLane];

/**
 * Returns the sending halves of both lanes. No data of the bulk lane pass waiting data of the prompt lane.
 * @param onUnpublished as in `OutgoingLaneHost`
 */
export function outgoingLanes(parts: LinkParts, onUnpublished: OutgoingLaneHost['onUnpublished']): OutgoingLanes {
  const { ends, seals, peerBase, credits } = parts;
  const prompt = new OutgoingLane(
    { after: 0, seals, mayPublish: () => true, onUnpublished },
    ends[0].lease.session,
    Lane.Prompt,
    laneSubject(peerBase, Lane.Prompt),
    credits[0],
  );
  const bulk = new OutgoingLane(
    {
      get after(): number {
        return prompt.number;
      },
      seals,
      mayPublish: () => {
        prompt.flush();
        return prompt.isEmpty;
      },
      onUnpublished,
    },
    ends[1].lease.session,
    Lane.Bulk,
    laneSubject(peerBase, Lane.Bulk),
    credits[1],
  );
  return [prompt, bulk];
}

/** Gives both lanes the windows that the peer grants. Returns whether such a grant is possible. */
export function grantWindows([prompt, bulk]: OutgoingLanes, body: Uint8Array): boolean {
  const grants = decodeGrants(body, prompt.credit, bulk.credit);
  if (grants === undefined) return false;
  prompt.grant(grants[0]);
  bulk.grant(grants[1]);
  return true;
}

/** Whether a lane has refused a frame since the last call. */
export function takeRefusal([prompt, bulk]: OutgoingLanes): boolean {
  if (!prompt.wasRefused && !bulk.wasRefused) return false;
  prompt.wasRefused = false;
  bulk.wasRefused = false;
  return true;
}
