/** The wish to end, from Ctrl-C or SIGTERM. */
export interface Leaving {
  readonly asked: Promise<'asked to leave'>;
  /** Gives the signals back. */
  forget(): void;
}

/** Hears the first signal as a request to drain; another one then ends the process at once, as is usual. */
export function leaving(onAsked: () => void): Leaving {
  let forget: () => void = () => {};
  const asked = new Promise<'asked to leave'>((resolve) => {
    const onSignal = () => {
      forget();
      onAsked();
      resolve('asked to leave');
    };
    forget = () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
  return { asked, forget: () => forget() };
}
