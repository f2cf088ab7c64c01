// A self-signed certificate for tests only, valid for a century. Made with:
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost \
//     -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1'

/** Names `localhost` and 127.0.0.1; its own authority. */
export const LOCALHOST_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUehojVrNClvNc7/Dl9+Xu0jdqp04wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzEwNTYxMFoYDzIxMjYxMDMw
MTA1NjEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATgQpVU4k+Qeh7atclrrrNaUVnE8bXn1aJbe0Cx+TtHRV5uFuGKZLN/
o5egp1viLdNeVH9m5HLOrTO4eqMm3CqTo28wbTAdBgNVHQ4EFgQUYyon5o7WeLRu
4kEkYFHunjLL19wwHwYDVR0jBBgwFoAUYyon5o7WeLRu4kEkYFHunjLL19wwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAMJAVEtdu9Ty2VxN5UMZ6FCrOzfBDZ7JXn0s7tEu3wZFAiEA
s5MXNQQokioVdW+MRwdMxO2JWweKDDXj8BvNTq3iJF0=
-----END CERTIFICATE-----
`;

/** The key to `LOCALHOST_CERTIFICATE`: known to everybody, so trust neither. */
export const LOCALHOST_PRIVATE_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLGpQUZ/I+H0Acnoc
KNwbnPhkkwbCQEViSSm3sGeCOEShRANCAATgQpVU4k+Qeh7atclrrrNaUVnE8bXn
1aJbe0Cx+TtHRV5uFuGKZLN/o5egp1viLdNeVH9m5HLOrTO4eqMm3CqT
-----END PRIVATE KEY-----
`;

/** Of the same key, with two common names: made with `-key` in place of `-newkey` and `-subj /CN=first/CN=second`. */
export const TWO_NAMES_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBmTCCAT+gAwIBAgIUNLn0VfrgXYQXRQUYeDwC+syCwxAwCgYIKoZIzj0EAwIw
ITEOMAwGA1UEAwwFZmlyc3QxDzANBgNVBAMMBnNlY29uZDAgFw0yNjExMjcwNjE2
MjhaGA8yMTI2MTEwMzA2MTYyOFowITEOMAwGA1UEAwwFZmlyc3QxDzANBgNVBAMM
BnNlY29uZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOBClVTiT5B6Htq1yWuu
s1pRWcTxtefVolt7QLH5O0dFXm4W4Ypks3+jl6CnW+It015Uf2bkcs6tM7h6oybc
KpOjUzBRMB0GA1UdDgQWBBRjKifmjtZ4tG7iQSRgUe6eMsvX3DAfBgNVHSMEGDAW
gBRjKifmjtZ4tG7iQSRgUe6eMsvX3DAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0gAMEUCIQDli+4KKkk6/DQVeqvO5v4oErjSRADkJeumXpMqrWfhcAIgf7x0
yYxNfo9veDK9Dtb0PZRA+JhGMQNITSnmjsYruPs=
-----END CERTIFICATE-----
`;
