// Compiled, never run: what a consumer's compiler must accept, and under @ts-expect-error what it must refuse.
import { expectTypeOf } from 'expect-type';
import * as trt from 'trt-node';

expectTypeOf(trt).toBeObject();
