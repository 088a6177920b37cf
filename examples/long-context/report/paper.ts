// The paper's own points, digitised from the vector figures of arXiv 2309.16039v3 (figure and table numbers as there). Shown beside ours,
// never mixed with them.

/** Fig. 1: validation loss of the 16 context lengths 1, 2, 4 … 32,768. */
export const figure1 = {
  contexts: Array.from({ length: 16 }, (_, i) => 2 ** i),
  loss: {
    '7B': [5.657, 4.701, 3.971, 3.342, 2.745, 2.473, 2.253, 2.06, 1.855, 1.78, 1.81, 1.747, 1.659, 1.651, 1.636, 1.583],
    '70B': [5.377, 4.44, 3.655, 2.965, 2.367, 2.058, 1.885, 1.702, 1.576, 1.503, 1.537, 1.511, 1.416, 1.405, 1.407, 1.371],
  },
}

/** Fig. 5b: first-sentence retrieval, ROUGE-L, 7B after 80B tokens at 32,768. */
export const figure5b = {
  lengths: [256, 1024, 2048, 4096, 8192, 10_240, 12_288, 14_336, 16_384, 20_480, 24_576, 28_672, 30_720],
  rougeL: {
    abf: [96.7, 95.7, 97, 96.9, 97.2, 96.9, 96, 97.1, 92, 88.8, 91.3, 92.6, 93.9],
    rope: [97, 96.6, 95, 79.8, 20.8, 6.9, 6.9, 7.7, 7.1, 7.3, 6.9, 7.4, 7.2],
    pi: [95.5, 93.6, 95.8, 97, 94, 91.3, 78.1, 78.1, 87.4, 76.8, 51.9, 11.6, 6.9],
  },
}

/** Table 5: perplexity on Books of 32,768-token samples after the same training. */
export const table5Books = { rope: 6.548, pi: 6.341, abf: 6.323 }

/** Table 9: instruction-tuning mixes (model size not stated). */
export const table9 = [
  { setting: 'Llama 2 Chat baseline', qasper: 12.2, narrativeQa: 9.13, quality: 56.7 },
  { setting: 'short chat data', qasper: 22.3, narrativeQa: 13.2, quality: 71.4 },
  { setting: 'short chat data, mix pretrain', qasper: 23.7, narrativeQa: 16.6, quality: 76.2 },
  { setting: 'short chat data, self-instruct, loss on answers', qasper: 35.7, narrativeQa: 22.3, quality: 59.3 },
  { setting: 'short chat data, self-instruct, loss on the whole sequence', qasper: 38.9, narrativeQa: 23.3, quality: 77.3 },
]
