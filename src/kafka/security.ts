/** TLS towards the brokers. PEM texts, not file names. */
export interface TlsOptions {
  /** Trusted certificate authorities, PEM. Default: those of the system. Kafka: ssl.truststore. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Client certificate for mTLS, PEM. Kafka: ssl.keystore. */
  readonly cert?: string | Buffer | undefined;
  /** The certificate's private key, PEM. */
  readonly key?: string | Buffer | undefined;
  /** The private key's pass phrase. */
  readonly passphrase?: string | undefined;
  /** Whether the broker's certificate must be valid and match its host. Default true. Turn it off only in tests. */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** A token for OAUTHBEARER. */
export interface OAuthToken {
  readonly value: string;
  /** When it expires, epoch milliseconds. */
  readonly expiresAtMs: number;
  /** The principal it stands for. */
  readonly principal: string;
  /** SASL extensions, sent along. */
  readonly extensions?: Readonly<Record<string, string>>;
}

/** How to authenticate. Kafka: sasl.mechanism. */
export type SaslOptions =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: 'OAUTHBEARER';
      /** Called for the first token and before each expiry; AWS MSK IAM and the like fit here. */
      readonly token: () => Promise<OAuthToken>;
    };

/** One cluster and how to get in; mapped to both Kafka clients. */
export interface ClusterAddress {
  /** host:port of some brokers. Kafka: bootstrap.servers. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls: TlsOptions | undefined;
  readonly sasl: SaslOptions | undefined;
  /** How long a first connection may take. */
  readonly connectTimeoutMs: number;
}
