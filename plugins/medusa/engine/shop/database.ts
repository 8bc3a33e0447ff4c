import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client } from '@medusajs/framework/pg';

/**
 * Makes the shop's database where it is not there, as a copy of one that is filled. That one is made
 * where it is not there either, which takes a while.
 */
export async function prepare(url: string): Promise<void> {
    await withServer(url, async server => {
        const name = nameOf(url);
        if (await exists(server, name)) {
            return;
        }
        const template = templateName();
        // Two shops that start at once make it once.
        await server.query('select pg_advisory_lock(2021)');
        if (!(await exists(server, template))) {
            const half = `${template}_half`;
            await server.query(`drop database if exists ${quoted(half)}`);
            await server.query(`create database ${quoted(half)}`);
            step('migrate', onServer(url, half));
            step('seed', onServer(url, half));
            await server.query(`alter database ${quoted(half)} rename to ${quoted(template)}`);
        }
        await server.query(`create database ${quoted(name)} template ${quoted(template)}`);
        await server.query('select pg_advisory_unlock(2021)');
    });
}

/** Removes the shop's database, whoever is connected. */
export async function remove(url: string): Promise<void> {
    await withServer(url, server => server.query(`drop database if exists ${quoted(nameOf(url))} with (force)`));
}

/** A step in a process of its own: Medusa is loaded anew. */
function step(name: string, url: string): void {
    const program = join(__dirname, 'fill.js');
    const { status } = spawnSync(process.execPath, [program, name], {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { ...process.env, DATABASE_URL: url, KASSE_SECRET: 'none-is-needed-to-fill-an-empty-shop', SHOP_ADMIN: 'false' },
    });
    if (status !== 0) {
        throw new Error(`The shop cannot be filled: "${name}" ended with ${status}.`);
    }
}

async function withServer<T>(url: string, does: (server: Client) => Promise<T>): Promise<T> {
    const server = new Client({ connectionString: onServer(url, 'postgres') });
    await server.connect();
    try {
        return await does(server);
    } finally {
        await server.end();
    }
}

async function exists(server: Client, name: string): Promise<boolean> {
    const { rowCount } = await server.query('select from pg_database where datname = $1', [name]);
    return rowCount === 1;
}

/** Another filling, or another Medusa, is another template. */
function templateName(): string {
    const hash = createHash('sha256');
    hash.update(readFileSync(join(__dirname, 'seed.js')));
    hash.update(readFileSync(require.resolve('@medusajs/medusa/package.json')));
    return `kasse_template_${hash.digest('hex').slice(0, 12)}`;
}

function nameOf(url: string): string {
    return decodeURIComponent(new URL(url).pathname.slice(1));
}

function onServer(url: string, name: string): string {
    const other = new URL(url);
    other.pathname = `/${encodeURIComponent(name)}`;
    return other.href;
}

function quoted(name: string): string {
    return `"${name.replaceAll('"', '""')}"`;
}
