// How the end of runs is noticed where threads may not spin, as on machines with few CPUs.

import { completionCases } from '../helpers/completion-cases.js';

process.env.TRT_NODE_SPIN = '0'; // before the addon is loaded, which is at its first use

completionCases();
