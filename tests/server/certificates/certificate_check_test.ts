// Certificates that cannot be used are refused before TLS takes them, each with a sentence.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { X509Certificate } from "node:crypto";
import type { Validity } from "../../../src/server/certificates/authority.ts";
import { explainFault } from "../../../src/server/certificates/certificate_check.ts";
import {
  CertificateError,
  type CertificatePaths,
} from "../../../src/server/certificates/certificate_files.ts";
import { Certificates } from "../../../src/server/certificates/certificates.ts";
import { Log } from "../../../src/server/log.ts";
import { TestCertificates, validFor } from "../../support/certificates/test_certificates.ts";

/** Opens certificates, and returns what is wrong with them; files are told without their directory. */
async function refuse(made: TestCertificates, paths: CertificatePaths): Promise<string> {
  const log = new Log({ level: "error" });
  const error = await assertRejects(
    () => Certificates.open(paths, log, Date.now()),
    CertificateError,
  );
  return error.message.replaceAll(`${made.directory}/`, "");
}

/** A pair of files that is right. */
function goodPaths(made: TestCertificates): CertificatePaths {
  const { certificateFile, keyFile } = made.makeServer();
  return { certificate: certificateFile, key: keyFile };
}

interface Wrong {
  readonly what: string;
  /** Breaks what is right. */
  readonly make: (made: TestCertificates, paths: CertificatePaths) => CertificatePaths | void;
  readonly told: string | RegExp;
}

const ALLOWED_KEY = "allowed one for its owner: chmod 600 server-key.pem, or defaultMode: 0400 " +
  "where Kubernetes mounts it";

const wrong: readonly Wrong[] = [
  {
    what: "files that do not exist",
    make: (_made, { certificate, key }) => {
      Deno.removeSync(certificate);
      Deno.removeSync(key);
    },
    told: 'file "server.pem": found no such file; file "server-key.pem": found no such file',
  },
  {
    what: "directories",
    make: ({ directory }, { key }) => ({ certificate: directory, key }),
    told: /^file ".+": found something that is no file$/,
  },
  {
    what: "empty files",
    make: (_made, { certificate, key }) => {
      Deno.writeTextFileSync(certificate, "");
      Deno.writeTextFileSync(key, " \n");
    },
    told: 'file "server.pem": found nothing in it, allowed a certificate in PEM; ' +
      'file "server-key.pem": found nothing in it, allowed a key in PEM',
  },
  {
    what: "a file that is too large",
    make: (_made, { certificate }) => Deno.truncateSync(certificate, 2 * 1024 * 1024),
    told: 'file "server.pem": found 2097152 bytes, allowed 1048576',
  },
  {
    what: "a key that everybody may read",
    make: (_made, { key }) => Deno.chmodSync(key, 0o604),
    told: `file "server-key.pem": found a key that everybody may use (mode 604), ${ALLOWED_KEY}`,
  },
  {
    what: "a key that its group may write",
    make: (_made, { key }) => Deno.chmodSync(key, 0o620),
    told: `file "server-key.pem": found a key that its group may use (mode 620), ${ALLOWED_KEY}`,
  },
  {
    what: "garbage",
    make: (_made, { certificate, key }) => {
      Deno.writeTextFileSync(certificate, "garbage");
      Deno.writeTextFileSync(key, "garbage");
    },
    told: 'file "server.pem": found no certificate, allowed a certificate in PEM; ' +
      'file "server-key.pem": found no key, allowed a private key in PEM',
  },
  {
    what: "a certificate and a key in each other's place",
    make: (made) => {
      const { certificate, key } = made.authority.makeServer(["localhost"], validFor(10));
      made.write("server", { certificate: key, key: certificate });
    },
    told: 'file "server.pem": found a key, allowed a certificate in PEM; ' +
      'file "server-key.pem": found a certificate, allowed a private key in PEM',
  },
  {
    what: "a certificate for a key, that everybody may read",
    make: (_made, { certificate }) => {
      Deno.chmodSync(certificate, 0o644);
      return { certificate, key: certificate };
    },
    told: 'file "server.pem": found a certificate, allowed a private key in PEM',
  },
  {
    what: "the certificate of an authority, without names",
    make: (made) => void made.write("server", made.authority),
    told: 'file "server.pem": found the certificate of an authority, allowed one of a server: ' +
      'CA:FALSE; file "server.pem": found a certificate without names that clients check, ' +
      "allowed one with subjectAltName",
  },
  {
    what: "a certificate without names",
    make: (made) => void made.makeServer({ names: [] }),
    told: 'file "server.pem": found a certificate without names that clients check, ' +
      "allowed one with subjectAltName",
  },
  {
    what: "a damaged certificate behind a good one",
    make: (_made, { certificate }) => {
      const text = Deno.readTextFileSync(certificate);
      const damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
      Deno.writeTextFileSync(certificate, text + damaged);
    },
    told: 'file "server.pem": found a certificate that is damaged, number 3 of 3',
  },
  {
    what: "a key with a passphrase",
    make: (_made, { key }) => {
      Deno.writeTextFileSync(
        key,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
      );
    },
    told: 'file "server-key.pem": found a key with a passphrase, allowed one without: ' +
      "openssl pkey removes it",
  },
  {
    what: "the key of another certificate",
    make: (made, { certificate }) => {
      return { certificate, key: made.makeServer({ file: "other" }).keyFile };
    },
    told: 'file "other-key.pem": found the key of another certificate than that in "server.pem"',
  },
  {
    what: "a certificate that has ended",
    make: (made) => void made.makeServer({ validity: validFor(-1) }),
    told: /^file "server.pem": found a certificate that ended at \S+Z, allowed a valid one$/,
  },
  {
    what: "a certificate that is not valid yet",
    make: (made) => {
      const { until } = validFor(2);
      void made.makeServer({ validity: { from: validFor(1).until, until } });
    },
    told: /^file "server.pem": found a certificate that is not valid before \S+Z$/,
  },
  {
    what: "authorities of clients that are none",
    make: ({ directory }, paths) => {
      Deno.writeTextFileSync(`${directory}/ca.pem`, "nobody");
      return { ...paths, clientCa: `${directory}/ca.pem` };
    },
    told: 'file "ca.pem": found no certificate, allowed a certificate in PEM',
  },
  {
    what: "authorities of clients that are missing",
    make: ({ directory }, paths) => ({ ...paths, clientCa: `${directory}/none.pem` }),
    told: 'file "none.pem": found no such file',
  },
];

for (const { what, make, told } of wrong) {
  Deno.test(`certificates are refused: ${what}`, async () => {
    using made = new TestCertificates();
    const paths = goodPaths(made);
    const message = await refuse(made, make(made, paths) ?? paths);
    if (typeof told === "string") assertEquals(message, told);
    else assertEquals(told.test(message), true, message);
  });
}

/** A certificate that signs itself, with a key of a curve that TLS has no use for. */
const UNUSABLE = {
  certificate: `-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUdFS/ADzMeuvTQUjrhWgEhTV+gPQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEzMDAxMzUwMVoYDzIxMjYxMTA2
MDEzNTAxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwVjAQBgcqhkjOPQIBBgUrgQQA
CgNCAAQZ6b4obwklwRnH9w5xYy6c0AvjYd8XryhYiRD8GblGc4xQMhDxqtEX4RmW
dTq5decZ4OABOlM4UGC/N8JaWEtPo2YwZDAdBgNVHQ4EFgQUAOAt1/rsgGz9RdbD
WNdWJERDAbAwHwYDVR0jBBgwFoAUAOAt1/rsgGz9RdbDWNdWJERDAbAwDAYDVR0T
AQH/BAIwADAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwIDSAAwRQIg
AYBv6PdEF8TqwnF1r4CfD/xnv5x3UXS/T4/UZBtMOT8CIQDeBxldT3gx09SGg84y
Hnv2Q+tO/bzyYgAajWf86kUIxQ==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgjENkA21gj4Y17vWtSJvj
5lFpk6G1PJL90cVQKFR5ynmhRANCAAQZ6b4obwklwRnH9w5xYy6c0AvjYd8XryhY
iRD8GblGc4xQMhDxqtEX4RmWdTq5decZ4OABOlM4UGC/N8JaWEtP
-----END PRIVATE KEY-----
`,
};

Deno.test("certificates are refused: a key of a kind that TLS cannot use", async () => {
  using made = new TestCertificates();
  const { certificateFile: certificate, keyFile: key } = made.write("server", UNUSABLE);
  const log = new Log({ level: "error" });
  await assertRejects(
    () => Certificates.open({ certificate, key }, log, Date.now()),
    CertificateError,
    "found a key that TLS cannot use",
  );
});

Deno.test("a key of root that its group may read is taken, as Kubernetes mounts it", async () => {
  using made = new TestCertificates();
  const paths = goodPaths(made);
  await Deno.chmod(paths.key, 0o440);
  const { uid } = await Deno.stat(paths.key);
  const open = () => Certificates.open(paths, new Log({ level: "error" }), Date.now());
  if (uid === 0) await open();
  else await assertRejects(open, CertificateError, "its group may use (mode 440)");
});

Deno.test("explainFault() tells apart what has ended, what is too early, and what is foreign", () => {
  using made = new TestCertificates();
  const explain = (validity: Validity) => {
    const { raw } = new X509Certificate(made.makeClient("app", validity).certificate);
    return explainFault(raw, "CODE", Date.now());
  };
  assertEquals(
    explain(validFor(1)),
    "no authority in tls.client_ca has signed it for a client (CODE)",
  );
  assertStringIncludes(explain(validFor(-1)), "it ended at ");
  const { until } = validFor(3);
  assertStringIncludes(explain({ from: validFor(1).until, until }), "it is not valid before ");
  for (const garbage of [new Uint8Array(), new Uint8Array(100), new Uint8Array([0x30, 0x80])]) {
    assertStringIncludes(explainFault(garbage, "CODE", Date.now()), "(CODE)");
  }
});
