import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../packages.js'
import { Daemon } from './daemon.js'
import { programPath } from './programs.js'
import type { ServerKind } from './server.js'

/** Where bench/contenders/pom.xml puts them. */
const jars = join(root, 'build', 'kafka')
const archive = /^kafka_[\d.]+-(.+)\.jar$/

export const kafkaServer: ServerKind = {
  name: 'kafka',
  install:
    'apt-get install default-jre-headless maven && ' +
    'mvn -q -f bench/contenders/pom.xml dependency:copy-dependencies',
  missing: () =>
    programPath('java') === undefined
      ? 'java'
      : archived() === undefined
        ? "Kafka's archives in build/kafka"
        : undefined,
  version: () => archived() ?? '?',
  start: async ({ dir, port, freePort }) => {
    const controller = await freePort()
    const data = join(dir, 'data')
    mkdirSync(data)
    const config = join(dir, 'server.properties')
    writeFileSync(config, properties(port, controller, data))
    execFileSync(
      'java',
      [...java, 'kafka.tools.StorageTool', 'format', '-t', 'AAAAAAAAAAAAAAAAAAAAAQ', '-c', config],
      { stdio: 'ignore' },
    )
    const command = ['java', '-Xms1g', '-Xmx1g', ...java, 'kafka.Kafka', config] as const
    return new Daemon('kafka', dir, [...command]).listening(port)
  },
}

const java = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', join(jars, '*')]

function archived(): string | undefined {
  if (!existsSync(jars)) return undefined
  return readdirSync(jars)
    .map((name) => archive.exec(name)?.[1])
    .find((version) => version !== undefined)
}

/** One broker that is its own controller; everything else as Kafka has it. */
function properties(port: number, controller: number, data: string): string {
  return `${[
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    'controller.listener.names=CONTROLLER',
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${data}`,
    'offsets.topic.replication.factor=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
  ].join('\n')}\n`
}
