/** The bytes of one file from first to last. */
export interface ByteStream {
  /** Of the file, where known. */
  readonly size: number | undefined
  /** Fills `bytes` with the next ones; returns how many, fewer only where the file ends. */
  read(bytes: Uint8Array<ArrayBuffer>): Promise<number>
  /** Of a file on this machine: the same at once, into memory that moves when others allocate. */
  readonly readSync?: ((bytes: Uint8Array) => number) | undefined
  /** Of a file on this machine: the same from byte `position` on, whatever else is read meanwhile. */
  readonly readAt?: ((bytes: Uint8Array, position: number) => Promise<number>) | undefined
  close(): Promise<void>
}

/** A folder of files, on disk, on a server or in a browser. */
export interface Source {
  /** Where a file is, for messages. */
  at(name: string): string
  /** undefined when there is no such file. */
  open(name: string): Promise<ByteStream | undefined>
}

/** A stream whose first bytes can be looked at before they are read. */
export interface PeekableStream extends ByteStream {
  /** The next `length` bytes, which stay to be read; fewer where the file ends. */
  peek(length: number): Promise<Uint8Array<ArrayBuffer>>
}

export function peekable(stream: ByteStream): PeekableStream {
  let head = new Uint8Array()
  const { readSync } = stream
  const takeFromHead = (bytes: Uint8Array): number => {
    const part = head.subarray(0, bytes.length)
    bytes.set(part)
    head = head.subarray(part.length)
    return part.length
  }
  return {
    size: stream.size,
    async peek(length) {
      if (length > head.length) {
        const longer = new Uint8Array(stream.size === undefined ? length : Math.min(length, Math.max(stream.size, head.length)))
        longer.set(head)
        head = longer.subarray(0, head.length + (await stream.read(longer.subarray(head.length))))
      }
      return head.subarray(0, length)
    },
    async read(bytes) {
      const taken = takeFromHead(bytes)
      return taken + (taken < bytes.length ? await stream.read(bytes.subarray(taken)) : 0)
    },
    readSync:
      readSync &&
      ((bytes) => {
        const taken = takeFromHead(bytes)
        return taken + (taken < bytes.length ? readSync(bytes.subarray(taken)) : 0)
      }),
    close: () => stream.close(),
  }
}
