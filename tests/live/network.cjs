// Bluesky's own network (PLC directory, PDS, AppView, moderation) on 127.0.0.1, with people in it.
//
// Prints one line of JSON when it stands: where the servers are, and what is true of the people. Each line on stdin
// makes one more thing happen and is answered by the new truth; the end of stdin ends the network.
'use strict'

const net = require('node:net')
const readline = require('node:readline')

// The servers listen on all interfaces unless told otherwise: tell them otherwise.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  if (typeof args[0] === 'number' && typeof args[1] !== 'string') args.splice(1, 0, '127.0.0.1')
  else if (args[0] && typeof args[0] === 'object' && 'port' in args[0]) args[0].host = '127.0.0.1'
  return listen.apply(this, args)
}

const { TestNetwork } = require('@atproto/dev-env')
const { AtpAgent } = require('@atproto/api')

const PEOPLE = 112
const CIRCLE = 60
const FIRST = Date.UTC(2026, 0, 1)
let tick = 0
const time = () => new Date(FIRST + ++tick * 61_000).toISOString() // distinct times: lists are ordered by them

async function main() {
  const network = await TestNetwork.create({ dbPostgresSchema: 'sneeuwbal' })
  const people = []
  const truth = { bsky: network.bsky.url, pds: network.pds.url, plc: network.plc.url, people, follows: [], posts: {}, reposts: {} }

  async function write(person, writes) {
    const made = []
    for (let n = 0; n < writes.length; n += 100) {
      const { data } = await person.agent.com.atproto.repo.applyWrites({
        repo: person.did,
        writes: writes.slice(n, n + 100).map(([collection, value, rkey]) => (
          { $type: 'com.atproto.repo.applyWrites#create', collection, value, rkey })),
      })
      made.push(...data.results)
    }
    return made
  }

  async function follow(from, to) {
    await write(from, to.map((other) => ['app.bsky.graph.follow', { subject: other.did, createdAt: time() }]))
    truth.follows.push(...to.map((other) => [from.did, other.did]))
  }

  async function post(person, records) {
    const full = records.map((record) => ({ text: 'hallo', createdAt: time(), langs: ['nl'], ...record }))
    const made = await write(person, full.map((record) => ['app.bsky.feed.post', record]))
    truth.posts[person.did] = [...(truth.posts[person.did] ?? []), ...made.map((one, n) => ({ uri: one.uri, text: full[n].text, createdAt: full[n].createdAt }))]
    return made
  }

  async function join(name) {
    const agent = new AtpAgent({ service: network.pds.url })
    const { data } = await agent.createAccount({ handle: `${name}.test`, email: `${name}@example.test`, password: 'pass' })
    return { did: data.did, handle: data.handle, agent }
  }

  for (let n = 0; n < PEOPLE; n++) people.push(await join(`person${n}`))
  const [ann, bob, shy, gone, banned] = people
  await write(ann, [['app.bsky.actor.profile', { displayName: 'Ann', description: 'ambtenaar', createdAt: time() }, 'self']])
  await write(shy, [['app.bsky.actor.profile', {
    displayName: 'Shy', createdAt: time(),
    labels: { $type: 'com.atproto.label.defs#selfLabels', values: [{ val: '!no-unauthenticated' }] },
  }, 'self']])
  for (const person of people.slice(1)) await follow(person, [ann])
  await follow(ann, people.slice(1, 106))
  const text = 'Hé @person1.test, over #zorg'
  const bytes = (part) => { const start = Buffer.byteLength(text.slice(0, text.indexOf(part))); return { byteStart: start, byteEnd: start + Buffer.byteLength(part) } }
  const [root] = await post(ann, [{ text, facets: [
    { index: bytes('@person1.test'), features: [{ $type: 'app.bsky.richtext.facet#mention', did: bob.did }] },
    { index: bytes('#zorg'), features: [{ $type: 'app.bsky.richtext.facet#tag', tag: 'zorg' }] },
  ] }])
  const ref = { uri: root.uri, cid: root.cid }
  await post(ann, Array.from({ length: 230 }, (_, n) => ({ text: `bericht ${n}` })))
  await post(ann, [{ text: 'uit de toekomst', createdAt: '2099-01-01T00:00:00.000Z' }, { text: 'van vroeger', createdAt: '2013-01-01T00:00:00.000Z' }])
  await post(bob, [{ text: 'antwoord', reply: { root: ref, parent: ref } }, { text: 'citaat', embed: { $type: 'app.bsky.embed.record', record: ref } }])
  await post(shy, [{ text: 'niet voor iedereen' }])
  const reposts = await write(bob, [['app.bsky.feed.repost', { subject: ref, createdAt: time() }]])
  truth.reposts[bob.did] = reposts.map((one) => ({ uri: one.uri, of: root.uri, by: ann.did }))
  await network.processAll(60_000)

  const records = async (person, collection) =>
    (await person.agent.com.atproto.repo.listRecords({ repo: person.did, collection, limit: 100 })).data.records
  const remove = (person, uri) => person.agent.com.atproto.repo.deleteRecord({
    repo: person.did, collection: uri.split('/')[3], rkey: uri.split('/')[4] })

  const steps = {
    async change() {
      const [edge] = await records(bob, 'app.bsky.graph.follow') // bob leaves ann for shy
      await remove(bob, edge.uri)
      await follow(bob, [shy])
      truth.unfollowed = [bob.did, ann.did]
      truth.deleted = [root.uri, truth.posts[ann.did][7].uri] // the first is the one that bob answered, quoted and reposted
      for (const uri of truth.deleted) await remove(ann, uri)
      await post(ann, Array.from({ length: 130 }, (_, n) => ({ text: `nieuw ${n}`, createdAt: new Date(Date.now() + n).toISOString() })))
      await post(ann, [{ text: 'weer toekomst', createdAt: '2099-02-01T00:00:00.000Z' }])
      await bob.agent.com.atproto.identity.updateHandle({ handle: 'robert.test' })
      bob.handle = 'robert.test'
      await gone.agent.com.atproto.server.deactivateAccount({})
      await new AtpAgent({ service: network.pds.url }).com.atproto.admin.updateSubjectStatus(
        { subject: { $type: 'com.atproto.admin.defs#repoRef', did: banned.did }, takedown: { applied: true, ref: 'test' } },
        { headers: network.pds.adminAuthHeaders(), encoding: 'application/json' })
      truth.deactivated = gone.did
      truth.suspended = banned.did
      await network.processAll(60_000)
    },
    async snowball() { // a second circle, in which each follows two others, and a starter pack of five
      const circle = []
      for (let n = 0; n < CIRCLE; n++) circle.push(await join(`circle${n}`))
      for (let n = 0; n < CIRCLE; n++) {
        const others = [(3 * n + 7) % CIRCLE, (5 * n + 2) % CIRCLE].filter((other) => other !== n)
        await follow(circle[n], others.map((other) => circle[other]))
      }
      const [list] = await write(circle[0], [['app.bsky.graph.list', {
        name: 'five', purpose: 'app.bsky.graph.defs#referencelist', createdAt: time() }]])
      const five = circle.slice(20, 25)
      await write(circle[0], five.map(({ did }) => (
        ['app.bsky.graph.listitem', { subject: did, list: list.uri, createdAt: time() }])))
      const [pack] = await write(circle[0], [['app.bsky.graph.starterpack', {
        name: 'five', list: list.uri, createdAt: time() }]])
      await network.processAll(60_000)
      truth.circle = circle.map(({ did, handle }) => ({ did, handle }))
      truth.pack = { uri: pack.uri, people: five.map(({ did }) => did) }
      const edges = await network.bsky.db.db.selectFrom('follow').select(['creator', 'subjectDid']).execute()
      truth.database = edges.map(({ creator, subjectDid }) => [creator, subjectDid])
    },
  }
  const say = () => console.log(JSON.stringify({ ...truth, people: people.map(({ did, handle }) => ({ did, handle })) }))
  say()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (!steps[line]) break
    await steps[line]()
    say()
  }
  await network.close()
  process.exit(0)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
