// When execution contexts get their activation memory.

/** In TensorRT's order. @internal */
export const allocationStrategies = ['static', 'onProfileChange', 'userManaged'] as const;

/**
 * When a context gets its activation memory: 'static' the most of all profiles when it is made, 'onProfileChange' that of the selected profile,
 * 'userManaged' from you ({@link ExecutionContext.setDeviceMemory}).
 */
export type AllocationStrategy = (typeof allocationStrategies)[number];
