// Drives the double of Qovery with its official client for TypeScript, through the secret calls of a
// container and of the other scopes, and the calls for variables.
// URL says where; TOKEN and JWT are the two credentials.
'use strict';

const assert = require('node:assert');
const qovery = require('qovery-typescript-axios');

const PROJECT = '20000000-0000-4000-8000-000000000000';
const ENVIRONMENT = '30000000-0000-4000-8000-000000000000';
const CONTAINER = '50000000-0000-4000-8000-000000000000';
const SCOPES = [
    ['Project', PROJECT],
    ['Environment', ENVIRONMENT],
    ['Application', '40000000-0000-4000-8000-000000000000'],
    ['Container', CONTAINER],
    ['Job', '60000000-0000-4000-8000-000000000000'],
];

const basePath = process.env.URL;
const configuration = new qovery.Configuration({ basePath, accessToken: process.env.JWT });

async function answered(status, call) {
    const reply = await call;
    assert.strictEqual(reply.status, status);
    return reply.data;
}

async function refused(status, call) {
    await assert.rejects(call, (error) => error.response.status === status);
}

const keys = (list) => list.results.map((secret) => secret.key);

// No reply has a value, whatever the operation.
function isMetadata(secret, key, scope, type) {
    assert.deepStrictEqual([secret.key, secret.scope, secret.variable_type], [key, scope, type]);
    assert.ok(!('value' in secret) && !('mount_path' in secret));
    assert.ok(!Number.isNaN(Date.parse(secret.created_at)) && secret.id.length === 36);
}

async function ofContainer() {
    const api = new qovery.ContainerSecretApi(configuration);
    const project = new qovery.ProjectSecretApi(configuration);
    assert.deepStrictEqual(keys(await answered(200, api.listContainerSecrets(CONTAINER))), [
        'QOVERY_POSTGRESQL_Z1_PASSWORD',
    ]);
    const file = { key: 'FILE', value: 'content', mount_path: '/etc/file', description: 'd' };
    const made = await answered(201, api.createContainerSecret(CONTAINER, file));
    isMetadata(made, 'FILE', 'CONTAINER', 'FILE');
    const wide = await answered(201, project.createProjectSecret(PROJECT, { key: 'PASSWORD', value: 'wide' }));
    const value = { value: 'narrow' };
    const override = await answered(201, api.createContainerSecretOverride(CONTAINER, wide.id, value));
    isMetadata(override, 'PASSWORD', 'CONTAINER', 'OVERRIDE');
    assert.strictEqual(override.overridden_secret.id, wide.id);
    const alias = await answered(201, api.createContainerSecretAlias(CONTAINER, wide.id, { key: 'ALIAS' }));
    isMetadata(alias, 'ALIAS', 'CONTAINER', 'ALIAS');
    assert.strictEqual(alias.aliased_secret.key, 'PASSWORD');
    const listed = keys(await answered(200, api.listContainerSecrets(CONTAINER)));
    assert.deepStrictEqual(listed.slice(1), ['FILE', 'PASSWORD', 'PASSWORD', 'ALIAS']);

    const edited = await answered(200, api.editContainerSecret(CONTAINER, made.id, { key: 'FILE', value: 'new' }));
    isMetadata(edited, 'FILE', 'CONTAINER', 'FILE');
    await refused(400, api.createContainerSecretAlias(CONTAINER, alias.id, { key: 'AGAIN' }));
    await refused(400, api.createContainerSecretOverride(CONTAINER, made.id, value));
    await refused(400, api.editContainerSecret(CONTAINER, override.id, { key: 'OTHER', value: 'x' }));
    await refused(400, api.editContainerSecret(CONTAINER, alias.id, { key: 'ALIAS', value: 'x' }));
    await refused(400, api.createContainerSecret(CONTAINER));
    await refused(404, api.deleteContainerSecret(CONTAINER, '00000000-0000-4000-8000-000000000000'));
    await refused(403, api.listContainerSecrets(PROJECT));
    await answered(204, api.deleteContainerSecret(CONTAINER, made.id));
    // What overrides it and what stands for it go with it.
    await answered(204, project.deleteProjectSecret(PROJECT, wide.id));
    assert.strictEqual(keys(await answered(200, api.listContainerSecrets(CONTAINER))).length, 1);
}

async function ofEachScope() {
    for (const [name, id] of SCOPES) {
        const api = new qovery[`${name}SecretApi`](configuration);
        const made = await answered(201, api[`create${name}Secret`](id, { key: 'KEY', value: 'v' }));
        isMetadata(made, 'KEY', name.toUpperCase(), 'VALUE');
        assert.ok(keys(await answered(200, api[`list${name}Secrets`](id))).includes('KEY'));
        await answered(200, api[`edit${name}Secret`](id, made.id, { key: 'NEW', value: 'w' }));
        await answered(204, api[`delete${name}Secret`](id, made.id));
    }
}

async function variables() {
    const api = new qovery.VariableMainCallsApi(configuration);
    const make = (more) =>
        api.createVariable({ variable_scope: 'CONTAINER', variable_parent_id: CONTAINER, is_secret: false, ...more });
    const plain = await answered(201, make({ key: 'PLAIN', value: 'seen' }));
    await answered(201, make({ key: 'SECRET', value: 'unseen', is_secret: true }));
    const access = '80000000-0000-4000-8000-000000000000';
    const external = { key: 'EXTERNAL', value: 'prod/db#password', secret_manager_access_id: access };
    assert.strictEqual((await answered(201, make(external))).variable_type, 'EXTERNAL_SECRET');
    const list = (isSecret) => answered(200, api.listVariables(CONTAINER, 'CONTAINER', isSecret));
    const seen = (await list(false)).results.map((variable) => [variable.key, variable.value]);
    assert.deepStrictEqual(seen, [['PLAIN', 'seen'], ['EXTERNAL', 'prod/db#password']]);
    assert.ok((await list(true)).results.every((variable) => variable.value === null && variable.is_secret));
    assert.strictEqual((await list()).results.length, 4);
    await answered(200, api.editVariable(plain.id, { key: 'PLAIN', value: 'changed' }));
    assert.strictEqual((await list(false)).results[0].value, 'changed');
    await answered(204, api.deleteVariable(plain.id));
}

async function credentials() {
    const header = { headers: { Authorization: `Token ${process.env.TOKEN}` } };
    const byToken = new qovery.Configuration({ basePath, baseOptions: header });
    await answered(200, new qovery.ContainerSecretApi(byToken).listContainerSecrets(CONTAINER));
    const wrong = new qovery.Configuration({ basePath, accessToken: 'wrong' });
    await refused(401, new qovery.ContainerSecretApi(wrong).listContainerSecrets(CONTAINER));
}

(async () => {
    await ofContainer();
    await ofEachScope();
    await variables();
    await credentials();
})();
