// The calibration flags of `trt-node build`: trtexec's and polygraphy's, and the folder with the data.

import type { CalibrationAlgorithm, CalibrationOptions } from '../build/calibration.js';
import type { OnnxInfo } from '../inspect/onnx.js';
import { type ShapeFlags, profileFromFlags } from './build-profiles.js';
import {
  type Flag,
  type ParsedFlags,
  UsageError,
  flagValue,
  hasFlag,
  integerFlag,
} from './flags.js';

export const calibrationFlags: readonly Flag[] = [
  {
    name: 'calib',
    aliases: ['calibration-cache'],
    value: 'FILE',
    help: 'INT8 calibration cache: used if it exists, else written',
  },
  {
    name: 'calibData',
    value: 'FOLDER',
    help: 'INT8 calibration data: INPUT/*.npy, or *.npy for one input; a file a batch',
  },
  { name: 'calibProfile', value: 'N', help: 'The profile whose optimum is calibrated with' },
  {
    name: 'minShapesCalib',
    value: 'SHAPES',
    repeated: true,
    help: 'Smallest shapes of a profile for calibration alone',
  },
  { name: 'optShapesCalib', value: 'SHAPES', repeated: true, help: 'Shapes to calibrate with' },
  { name: 'maxShapesCalib', value: 'SHAPES', repeated: true, help: 'Largest shapes of it' },
  {
    name: 'calib-base-cls',
    aliases: ['calibration-base-class'],
    value: 'IInt8EntropyCalibrator2|IInt8MinMaxCalibrator|…',
    help: 'How scales are found',
  },
];

const algorithms: ReadonlyMap<string, CalibrationAlgorithm> = new Map([
  ['IInt8EntropyCalibrator2', 'entropy2'],
  ['IInt8MinMaxCalibrator', 'minMax'],
  ['IInt8EntropyCalibrator', 'entropy'],
  ['IInt8LegacyCalibrator', 'legacy'],
]);

const shapeFlags: ShapeFlags = {
  minShapesCalib: ['min'],
  optShapesCalib: ['opt'],
  maxShapesCalib: ['max'],
};

/** What the flags say of calibration; undefined: nothing, or nothing that matters without int8. @throws UsageError */
export function calibrationFromFlags(
  parsed: ParsedFlags,
  model: OnnxInfo | undefined,
  int8: boolean,
  warnings: string[],
): CalibrationOptions | undefined {
  const given = calibrationFlags.filter(({ name }) => hasFlag(parsed, name));
  const [first] = given;
  if (first === undefined) return undefined;
  const cacheFile = flagValue(parsed, 'calib');
  const data = flagValue(parsed, 'calibData');
  if (!int8 || (cacheFile === undefined && data === undefined)) {
    const why = int8 ? 'without --calib or --calibData' : 'without --int8';
    warnings.push(`--${first.name} is ignored ${why}`);
    return undefined;
  }
  const index = integerFlag(parsed, 'calibProfile', 0);
  const shapes = profileFromFlags(parsed, model, shapeFlags);
  if (index !== undefined && shapes !== undefined) {
    throw new UsageError(
      '--calibProfile and shapes for calibration exclude each other',
      'Give the number of a profile, or shapes of their own.',
    );
  }
  const name = flagValue(parsed, 'calib-base-cls');
  const algorithm = name === undefined ? undefined : algorithms.get(name);
  if (name !== undefined && algorithm === undefined) {
    throw new UsageError(
      `--calib-base-cls needs one of ${[...algorithms.keys()].join(', ')}, got ${JSON.stringify(name)}`,
      'IInt8EntropyCalibrator2 is the usual one.',
    );
  }
  return { cacheFile, data, algorithm, profile: shapes ?? index };
}
