export { memoryQueue } from './queue.js'
export type { MemoryQueue, MemoryQueueOptions, QueueCall, QueueFault } from './queue.js'
