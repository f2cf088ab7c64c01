/**
 * Starts the agent with its defaults, before the program: `node --import @entropynet/inspector/register program.js`.
 *
 * @packageDocumentation
 */
import { startInspectorAgent } from './agent/inspector-agent.js';

startInspectorAgent();
