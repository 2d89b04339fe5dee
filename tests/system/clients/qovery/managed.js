// Qovery's own client for TypeScript on a container whose secrets `inject secret` manages too.
// URL and JWT say where and who; STEP is `make`, before it was there, or `check`, after.
'use strict';

const assert = require('node:assert');
const qovery = require('qovery-typescript-axios');

const PROJECT = '20000000-0000-4000-8000-000000000000';
const CONTAINER = '50000000-0000-4000-8000-000000000000';
const configuration = new qovery.Configuration({ basePath: process.env.URL, accessToken: process.env.JWT });
const secrets = new qovery.ContainerSecretApi(configuration);
const variables = new qovery.VariableMainCallsApi(configuration);

async function make() {
    await new qovery.ProjectSecretApi(configuration).createProjectSecret(PROJECT, { key: 'WIDE', value: 'w' });
    await secrets.createContainerSecret(CONTAINER, { key: 'THEIRS', value: 'v', description: 'before' });
    await secrets.createContainerSecret(CONTAINER, { key: 'GONE', value: 'soon' });
}

async function check() {
    const seen = {};
    for (const secret of (await secrets.listContainerSecrets(CONTAINER)).data.results) {
        seen[`${secret.scope} ${secret.key}`] = secret;
    }
    assert.deepStrictEqual(Object.keys(seen).sort(), [
        'BUILT_IN QOVERY_POSTGRESQL_Z1_PASSWORD',
        'CONTAINER ALIAS',
        'CONTAINER IMPORTED',
        'CONTAINER OURS',
        'CONTAINER RENAMED',
        'CONTAINER WIDE',
        'PROJECT WIDE',
    ]);
    assert.strictEqual(seen['CONTAINER OURS'].variable_type, 'FILE');
    assert.strictEqual(seen['CONTAINER OURS'].enable_interpolation_in_file, true);
    assert.strictEqual(seen['CONTAINER RENAMED'].description, 'after');
    assert.strictEqual(seen['CONTAINER WIDE'].overridden_secret.id, seen['PROJECT WIDE'].id);
    assert.strictEqual(seen['CONTAINER ALIAS'].aliased_secret.scope, 'BUILT_IN');
    const plain = (await variables.listVariables(CONTAINER, 'CONTAINER', false)).data.results;
    assert.deepStrictEqual(plain.map((variable) => [variable.key, variable.value]), [['PLAIN', 'päss\n']]);
    await variables.editVariable(plain[0].id, { key: 'PLAIN', value: 'changed' });
}

({ make, check })[process.env.STEP]();
