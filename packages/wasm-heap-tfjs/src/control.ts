// The block of shared memory through which the caller's thread and the workers talk. The first words are Int32, then come the
// arguments of the call as Float64, a text for errors, and the kernel modules one after the other.

/** Word: bumped to wake the workers (a new call, or a new module). */
export const GENERATION = 0
/**
 * Word: tasks nobody has taken yet. A thread takes one by subtracting 1 and owns it if the word was positive before; whoever comes
 * late finds 0 or less, whatever call it thinks it belongs to.
 */
export const TASKS_LEFT = 1
/** Word: tasks finished in this call. */
export const DONE = 2
/** Words: the call. Written while no task is left or in hand, read only by a thread that holds a task. */
export const NUM_TASKS = 3
export const MODULE = 4
export const FUNCTION = 5
export const NUM_ARGS = 6
/** Word: not 0 when a task failed in a worker; its text is at `ERROR_TEXT`. */
export const ERROR = 7
export const ERROR_LENGTH = 8
/** Words: number of modules, then offset and length in bytes of each. */
export const NUM_MODULES = 9
export const MODULE_TABLE = 10

export const MAX_MODULES = 16
export const ARGS_OFFSET = 256
export const MAX_ARGS = 48
/** Words, one a thread: 1 while it takes and does tasks. A thread that died with it set may have taken a task along. */
export const BUSY = 160
export const MAX_THREADS = 96
export const ERROR_TEXT = 1024
export const MAX_ERROR = 1024
export const CODE_OFFSET = 2048
export const CONTROL_BYTES = 2 ** 20

/** How often the caller looks again before it sleeps: about 50 µs. Waking a sleeper costs as much. */
export const SPINS = 10_000
/** How often a worker does: about 200 µs, as long as a program with many small kernels computes something else between two calls. */
export const WORKER_SPINS = 40_000
