/** The longest wait that a timer of Node.js holds, 24 days and 20 hours; a longer one ends at once. */
export const timerMsMax = 2 ** 31 - 1
