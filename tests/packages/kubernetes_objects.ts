import { assert, assertEquals } from "@std/assert";
import { parseAllDocuments } from "yaml";
import { SETTING_ROWS } from "../../src/server/settings/setting_table.ts";
import { type CheckList, readText, runCommand } from "./check_list.ts";

/** The types of Kubernetes, as a package. */
const MODELS = "npm:kubernetes-models@5.1.0";

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** Checks the objects for Kubernetes against its types, without a cluster. */
export async function checkKubernetesObjects(list: CheckList): Promise<void> {
  const objects = readObjects("simplemq.yaml");
  await list.check(
    "the objects for Kubernetes have only fields that exist, of the right types",
    async () => {
      assertEquals(objects.map(({ kind }) => kind), [
        "Service",
        "PodDisruptionBudget",
        "StatefulSet",
      ]);
      const { code, text } = await validate(objects);
      assertEquals(code, 0, text);
    },
  );
  await list.check(
    "… so have those for a cluster of brokers, whose settings are all known",
    async () => {
      const cluster = readObjects("cluster.yaml");
      const { code, text } = await validate(cluster);
      assertEquals(code, 0, text);
      const names = [...JSON.stringify(cluster).matchAll(/"name":"(SIMPLEMQ_\w+)"/g)];
      const known = new Set(SETTING_ROWS.map(({ variable }) => variable));
      assertEquals(names.map(([, name]) => name!).filter((name) => !known.has(name)), []);
    },
  );
  await list.check("… and a slip of the pen in them is noticed", async () => {
    for (
      const [written, slip] of [["replicas", "replcas"], ["readOnlyRootFilesystem", "readonlyRoot"]]
    ) {
      const text = JSON.stringify(objects).replace(`"${written}"`, `"${slip}"`);
      const outcome = await validate(JSON.parse(text));
      assert(outcome.code !== 0 && outcome.text.includes(slip!), outcome.text);
    }
    const text = JSON.stringify(objects).replace('"replicas":1', '"replicas":"one"');
    assert((await validate(JSON.parse(text))).code !== 0);
  });
}

function readObjects(name: string): KubernetesObject[] {
  return parseAllDocuments(readText(`ops/kubernetes/${name}`))
    .map((document) => document.toJS() as KubernetesObject);
}

/** Lets the compiler and the package's own checks look at the objects. */
async function validate(
  objects: readonly KubernetesObject[],
): Promise<{ code: number; text: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const lines = objects.flatMap((object, index) => {
      const { apiVersion, kind, ...fields } = object;
      return [
        `import { ${kind} as Kind${index} } from "${MODELS}/${apiVersion}/${kind}";`,
        `new Kind${index}(${JSON.stringify(fields)}).validate();`,
      ];
    });
    await Deno.writeTextFile(`${folder}/objects.ts`, lines.join("\n"));
    const args = ["run", "--check", "--no-config", "--no-lock", "-A", `${folder}/objects.ts`];
    return await runCommand(Deno.execPath(), args, { cwd: folder, env: { NO_COLOR: "1" } });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
