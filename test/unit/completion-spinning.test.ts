// How the end of runs is noticed where threads may spin, as on machines with many CPUs: whatever this one has.

import { completionCases } from '../helpers/completion-cases.js';

process.env.TRT_NODE_SPIN = '1'; // before the addon is loaded, which is at its first use

completionCases();
