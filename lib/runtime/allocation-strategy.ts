// When execution contexts get their activation memory.

/**
 * When a context gets its activation memory: 'static' the most of all profiles when it is made, 'onProfileChange' that of the selected profile,
 * 'userManaged' from you ({@link ExecutionContext.setDeviceMemory}).
 */
export type AllocationStrategy = 'static' | 'onProfileChange' | 'userManaged';

/** In TensorRT's order. @internal */
export const allocationStrategies: readonly AllocationStrategy[] = [
  'static',
  'onProfileChange',
  'userManaged',
];
