export function writeReport(_file: string, _results: unknown): void {}
