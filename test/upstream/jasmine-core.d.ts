// The few parts of jasmine used here; @types/jasmine would declare its globals for every file of the repository.
declare module 'jasmine-core' {
  interface SpecResult {
    readonly fullName: string
    readonly status: string
    readonly failedExpectations: readonly { readonly message: string }[]
  }
  interface Env {
    configure(options: { readonly random: boolean; readonly forbidDuplicateNames: boolean }): void
    addReporter(reporter: { specDone(result: SpecResult): void }): void
    execute(): Promise<unknown>
  }
  const jasmineCore: { boot(): { getEnv(): Env } }
  export default jasmineCore
}
