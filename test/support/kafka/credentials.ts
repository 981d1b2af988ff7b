/** The user of the SASL listener, for PLAIN and SCRAM alike. It protects nothing: the brokers listen on loopback only. */
export const USER = 'keylane';
export const SECRET = 'keylane-secret';
