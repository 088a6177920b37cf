export { type LivePage, type LivePageOptions, livePage } from './observers/live-page.ts'
export { type ProgressBarOptions, progressBar } from './observers/progress-bar.ts'
export { type TensorBoardOptions, tensorBoard } from './observers/tensor-board.ts'
