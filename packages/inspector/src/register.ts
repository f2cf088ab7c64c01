/**
 * Starts the agent with its defaults, as early as can be: `node --import @entropynet/inspector/register program.js`.
 *
 * @packageDocumentation
 */
import { startInspectorAgent } from './agent/inspector-agent.js';

startInspectorAgent();
